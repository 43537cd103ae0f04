package main

import (
	"encoding/json"
	"log"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"signalbox.dev/bench/xds/table"
)

// ackCounter notes when the ACKs of one type come in, from the moment it is told to.
type ackCounter struct {
	mu        sync.Mutex
	typeURL   string
	startedAt time.Time
	wanted    int
	after     []float64
	done      chan struct{}
}

func newAckCounter() *ackCounter { return &ackCounter{} }

func (c *ackCounter) start(typeURL string, wanted int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.typeURL, c.wanted, c.after, c.done = typeURL, wanted, make([]float64, 0, wanted), make(chan struct{})
	c.startedAt = time.Now()
	return c.done
}

func (c *ackCounter) note(typeURL string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if typeURL != c.typeURL || len(c.after) >= c.wanted {
		return
	}
	c.after = append(c.after, float64(time.Since(c.startedAt).Microseconds())/1000)
	if len(c.after) == c.wanted {
		close(c.done)
	}
}

// serveControl answers POST /change?streams=N: it makes the next change and tells after how many milliseconds each ACK came; and
// GET /cpu with the CPU time of this process.
func serveControl(address string, content *content, acks *ackCounter, changes []table.Entry) {
	next := 0
	http.HandleFunc("POST /change", func(w http.ResponseWriter, r *http.Request) {
		streams, err := strconv.Atoi(r.URL.Query().Get("streams"))
		if err != nil || next >= len(changes) {
			http.Error(w, "streams is no number, or no change is left", http.StatusBadRequest)
			return
		}
		entry := changes[next]
		next++
		done := acks.start(entry.TypeURL, streams)
		if err := content.change(entry); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		<-done
		json.NewEncoder(w).Encode(map[string]any{"acknowledgedAfterMs": acks.after})
	})
	http.HandleFunc("GET /cpu", func(w http.ResponseWriter, _ *http.Request) {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		spent := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		json.NewEncoder(w).Encode(map[string]int64{"cpuMs": spent.Milliseconds()})
	})
	http.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe(address, nil))
}
