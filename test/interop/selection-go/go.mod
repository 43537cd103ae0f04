module signalbox.dev/test/interop/selection-go

go 1.25.0

require (
	github.com/twmb/murmur3 v1.1.8
	golang.org/x/mod v0.29.0
)
