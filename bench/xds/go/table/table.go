// Package table reads the resources that both servers serve and that the clients expect: a file of delimited
// DeltaDiscoveryResponse messages with one resource in each.
package table

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/anypb"
)

// Entry is one resource under the name by which it is asked for.
type Entry struct {
	TypeURL string
	Name    string
	Body    *anypb.Any
}

// Read returns the entries of a file in their order.
func Read(file string) ([]Entry, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	reader := bufio.NewReaderSize(opened, 1<<20)
	var entries []Entry
	for {
		var message discovery.DeltaDiscoveryResponse
		err := protodelim.UnmarshalFrom(reader, &message)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: resource %d: %w", file, len(entries), err)
		}
		for _, each := range message.GetResources() {
			entries = append(entries, Entry{TypeURL: message.GetTypeUrl(), Name: each.GetName(), Body: each.GetResource()})
		}
	}
}
