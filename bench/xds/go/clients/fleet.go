package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const maxAttempts = 100

// Envoys list what they have in the order of their own hash tables; so many different orders stand for them.
const reconnectOrders = 20

// fleet is all streams of this process.
type fleet struct {
	address string
	index   *index
	streams []*stream
	// loading has room for the streams that may load their table at the same time.
	loading   chan struct{}
	read      atomic.Int64
	written   atomic.Int64
	responses atomic.Int64
	retries   atomic.Int64
	isCut     atomic.Bool
	readers   sync.WaitGroup
	// subscriptions are the first requests of each type, the same for every stream.
	subscriptions map[string][]byte
}

type measured struct {
	Milliseconds float64 `json:"milliseconds"`
	Totals       totals  `json:"totals"`
}

type totals struct {
	ReadBytes    int64 `json:"readBytes"`
	WrittenBytes int64 `json:"writtenBytes"`
	Responses    int64 `json:"responses"`
	// Retries are streams opened again because the server had refused or lost them.
	Retries int64 `json:"retries"`
}

func newFleet(address string, index *index, count, loading int) *fleet {
	built := &fleet{address: address, index: index, loading: make(chan struct{}, loading), subscriptions: map[string][]byte{}}
	for _, typeURL := range subscriptionOrder {
		built.subscriptions[typeURL] = request(typeURL, "", built.namesOf(typeURL), nil)
	}
	for number := range count {
		each := &stream{id: fmt.Sprintf("envoy-%04d", number), fleet: built, held: make([]uint64, index.total), missing: map[string]int{}}
		for typeURL, names := range index.names {
			each.missing[typeURL] = len(names)
		}
		built.streams = append(built.streams, each)
	}
	built.streams[0].versions = map[string]map[string]string{}
	return built
}

func (f *fleet) namesOf(typeURL string) []string {
	if isWildcard[typeURL] {
		return nil
	}
	return f.index.names[typeURL]
}

func (f *fleet) dial(ctx context.Context, address string) (net.Conn, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return countingConnection{connection, &f.read, &f.written}, nil
}

func (f *fleet) totals() totals {
	return totals{f.read.Load(), f.written.Load(), f.responses.Load(), f.retries.Load()}
}

// sync opens all streams, each of which subscribes to one type after the other.
func (f *fleet) sync() (any, error) {
	return f.measure(func(s *stream) error {
		into := &response{}
		if err := s.open(f.subscriptions[subscriptionOrder[0]]); err != nil {
			return err
		}
		f.loading <- struct{}{}
		defer func() { <-f.loading }()
		for position, typeURL := range subscriptionOrder {
			if position > 0 {
				if err := s.grpc.SendMsg(f.subscriptions[typeURL]); err != nil {
					return err
				}
			}
			for s.missing[typeURL] > 0 {
				if err := s.receive(into); err != nil {
					return err
				}
			}
		}
		f.follow(s)
		return nil
	})
}

// reconnect cuts all connections, and opens them anew as Envoy does: a request for each type at once, with what is held.
// Types subscribed by name are not answered when nothing changed; the runtime layer, for which no version is named, is asked
// for last, so its answer says that the requests before it were processed.
func (f *fleet) reconnect() (any, error) {
	if _, err := f.verify(); err != nil {
		return nil, err
	}
	orders := make([][][]byte, reconnectOrders)
	for number := range orders {
		for _, typeURL := range subscriptionOrder[1:] {
			names := slices.Clone(f.namesOf(typeURL))
			rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			orders[number] = append(orders[number], request(typeURL, "", names, f.streams[0].versions[typeURL]))
		}
		orders[number] = append(orders[number], f.subscriptions[runtimeType])
	}
	f.isCut.Store(true)
	return f.measureFrom(f.cut, func(s *stream) error {
		into := &response{}
		requests := orders[rand.IntN(len(orders))]
		if err := s.open(requests[0]); err != nil {
			return err
		}
		for _, each := range requests[1:] {
			if err := s.grpc.SendMsg(each); err != nil {
				return err
			}
		}
		answered := map[string]bool{}
		for !answered[clusterType] || !answered[listenerType] || !answered[scopeType] || !answered[runtimeType] {
			if err := s.receive(into); err != nil {
				return err
			}
			answered[into.typeURL] = true
			if into.typeURL != runtimeType && len(into.resources) > 0 {
				return fmt.Errorf("%s: %d of %s were sent again", s.id, len(into.resources), into.typeURL)
			}
		}
		f.follow(s)
		return nil
	})
}

func (f *fleet) cut() {
	for _, each := range f.streams {
		each.cancel()
	}
	f.readers.Wait()
	f.isCut.Store(false)
}

// follow takes changes until the stream is cut.
func (f *fleet) follow(s *stream) {
	f.readers.Go(func() {
		into := &response{}
		for {
			if err := s.receive(into); err != nil {
				if !f.isCut.Load() {
					log.Fatal(err)
				}
				return
			}
		}
	})
}

func (f *fleet) measure(open func(*stream) error) (any, error) {
	return f.measureFrom(func() {}, open)
}

// measureFrom runs prepare, then open for all streams at once, and tells how long that took.
func (f *fleet) measureFrom(prepare func(), open func(*stream) error) (any, error) {
	before, startedAt := f.totals(), time.Now()
	prepare()
	failures := make([]error, len(f.streams))
	var opening sync.WaitGroup
	for number, each := range f.streams {
		opening.Go(func() { failures[number] = f.persist(each, open) })
	}
	opening.Wait()
	after := f.totals()
	spent := float64(time.Since(startedAt).Microseconds()) / 1000
	return measured{spent, after.since(before)}, errors.Join(failures...)
}

// persist opens a stream again after a pause of about 500 ms, as Envoy does at first, when the server refused or lost it.
func (f *fleet) persist(s *stream, open func(*stream) error) error {
	for attempt := 1; ; attempt++ {
		err := open(s)
		code := status.Code(err)
		if attempt == maxAttempts || code != codes.Unavailable && code != codes.ResourceExhausted {
			return err
		}
		s.cancel()
		f.retries.Add(1)
		time.Sleep(time.Duration(250+rand.IntN(500)) * time.Millisecond)
	}
}

func (t totals) since(before totals) totals {
	return totals{
		t.ReadBytes - before.ReadBytes,
		t.WrittenBytes - before.WrittenBytes,
		t.Responses - before.Responses,
		t.Retries - before.Retries,
	}
}

func (f *fleet) verify() (any, error) {
	reference := f.streams[0].copyOfHeld()
	for _, each := range f.streams {
		held := each.copyOfHeld()
		if number := slices.Index(held, 0); number >= 0 {
			return nil, fmt.Errorf("%s lacks resource %d", each.id, number)
		}
		if !slices.Equal(held, reference) {
			return nil, fmt.Errorf("%s and %s hold different versions", each.id, f.streams[0].id)
		}
	}
	return map[string]int{"streams": len(f.streams), "resources": f.index.total}, nil
}
