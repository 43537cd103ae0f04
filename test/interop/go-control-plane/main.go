// An xDS client for tests: go-control-plane's own client package for state of the world, and a small client over its
// generated stubs for delta, for which the package has none. It does what it is told on stdin, one command a line, and answers
// each with one line of JSON: the clusters of a response for `fetch`, `{}` for `ack`, `nack REASON` and `reconnect`.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
)

// client is an xDS client that subscribes to all clusters.
type client interface {
	// connect opens a stream, with what the client knows from the one before.
	connect(ctx context.Context, connection *grpc.ClientConn) error
	fetch() (*update, error)
	ack() error
	nack(reason string) error
}

// update is one response. Clusters have the content by which the test recognises them: their `alt_stat_name`.
type update struct {
	Clusters map[string]string `json:"clusters"`
	Removed  []string          `json:"removed"`
}

func main() {
	address := flag.String("address", "", "of the xDS server")
	variant := flag.String("variant", "", "sotw or delta")
	nodeID := flag.String("node", "go-client", "id of the node")
	flag.Parse()
	node := &core.Node{Id: *nodeID, Cluster: "test"}
	session := &session{address: *address}
	switch *variant {
	case "sotw":
		session.client = newSotwClient(node)
	case "delta":
		session.client = newDeltaClient(node)
	default:
		log.Fatalf("-variant has to be sotw or delta, not %q", *variant)
	}
	if err := session.reconnect(); err != nil {
		log.Fatal(err)
	}
	output := json.NewEncoder(os.Stdout)
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		answer, err := session.run(input.Text())
		if err != nil {
			log.Fatalf("%s: %v", input.Text(), err)
		}
		output.Encode(answer)
	}
}

type session struct {
	address    string
	client     client
	connection *grpc.ClientConn
	cancel     context.CancelFunc
}

func (s *session) run(command string) (any, error) {
	name, rest, _ := strings.Cut(command, " ")
	done := struct{}{}
	switch name {
	case "fetch":
		return s.client.fetch()
	case "ack":
		return done, s.client.ack()
	case "nack":
		return done, s.client.nack(rest)
	case "reconnect":
		return done, s.reconnect()
	}
	return nil, fmt.Errorf("unknown command")
}

func (s *session) reconnect() error {
	if s.connection != nil {
		s.cancel()
		s.connection.Close()
	}
	connection, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.connection, s.cancel = connection, cancel
	return s.client.connect(ctx, connection)
}

func contentOf(body *anypb.Any) (*cluster.Cluster, error) {
	if body.GetTypeUrl() != resource.ClusterType {
		return nil, fmt.Errorf("not a cluster but %s", body.GetTypeUrl())
	}
	message := &cluster.Cluster{}
	if err := body.UnmarshalTo(message); err != nil {
		return nil, err
	}
	return message, message.ValidateAll()
}
