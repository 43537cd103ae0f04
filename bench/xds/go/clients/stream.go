package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

const method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

// Envoy sends its requests without having heard from the server, so a server that is slow to accept is waited for.
const connectTimeout = 5 * time.Minute

// Receive windows of Envoy's HTTP/2 client.
const (
	streamWindow     = 16 << 20
	connectionWindow = 24 << 20
)

// stream is one Envoy: a connection of its own with one delta ADS stream.
type stream struct {
	id      string
	fleet   *fleet
	cancel  context.CancelFunc
	grpc    grpc.ClientStream
	missing map[string]int
	// mu guards what is held.
	mu sync.Mutex
	// held has, by a resource's number, a hash of the version held; 0 when it is not held.
	held []uint64
	// versions are the texts of those versions; only the first stream of a fleet keeps them.
	versions map[string]map[string]string
}

// open connects and sends the first request, which names the node.
func (s *stream) open(first []byte) error {
	connection, err := grpc.NewClient(
		"passthrough:///"+s.fleet.address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(s.fleet.dial),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: connectTimeout}),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}), grpc.MaxCallRecvMsgSize(1<<30)),
	)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = func() { cancel(); connection.Close() }
	s.grpc, err = connection.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return fmt.Errorf("%s: %w", s.id, err)
	}
	return s.grpc.SendMsg(withNode(first, s.id))
}

// receive takes and ACKs one response.
func (s *stream) receive(into *response) error {
	into.hold = s.hold
	if err := s.grpc.RecvMsg(into); err != nil {
		return fmt.Errorf("%s: %w", s.id, err)
	}
	s.fleet.responses.Add(1)
	return s.grpc.SendMsg(request(into.typeURL, into.nonce, nil, nil))
}

func (s *stream) hold(typeURL string, name, version []byte) error {
	number, ok := s.fleet.index.numbers[typeURL][string(name)]
	if !ok {
		return fmt.Errorf("%s: %s %q is not in the table", s.id, typeURL, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[number] == 0 {
		s.missing[typeURL]--
	}
	s.held[number] = hashOf(version)
	if s.versions != nil {
		if s.versions[typeURL] == nil {
			s.versions[typeURL] = map[string]string{}
		}
		s.versions[typeURL][string(name)] = string(version)
	}
	return nil
}

// countingConnection adds up what goes over the wire, HTTP/2 frames included.
type countingConnection struct {
	net.Conn
	read, written *atomic.Int64
}

func (c countingConnection) Read(bytes []byte) (int, error) {
	count, err := c.Conn.Read(bytes)
	c.read.Add(int64(count))
	return count, err
}

func (c countingConnection) Write(bytes []byte) (int, error) {
	count, err := c.Conn.Write(bytes)
	c.written.Add(int64(count))
	return count, err
}

func (s *stream) copyOfHeld() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.held)
}
