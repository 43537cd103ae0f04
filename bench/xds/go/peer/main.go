// The peer of the benchmark: an xDS server as users of go-control-plane build it. Its caches are either one LinearCache per
// type behind a MuxCache, which takes in the change of a single resource, or a SnapshotCache, which takes in a whole state.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	xds "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"signalbox.dev/bench/xds/table"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
)

func main() {
	address := flag.String("address", "127.0.0.1:18000", "where xDS is served")
	control := flag.String("control", "127.0.0.1:18001", "where the benchmark controls this process over HTTP")
	tableFile := flag.String("table", "", "the resources")
	changesFile := flag.String("changes", "", "resources to be changed to, one after the other")
	kind := flag.String("cache", "linear", "linear or snapshot")
	flag.Parse()

	content, err := newContent(*kind, read(*tableFile))
	if err != nil {
		log.Fatal(err)
	}
	acks := newAckCounter()
	callbacks := xds.CallbackFuncs{StreamDeltaRequestFunc: func(_ int64, request *discovery.DeltaDiscoveryRequest) error {
		if request.GetResponseNonce() != "" && request.GetErrorDetail() == nil {
			acks.note(request.GetTypeUrl())
		}
		return nil
	}}
	server := grpc.NewServer(
		grpc.MaxConcurrentStreams(1_000_000),
		grpc.MaxRecvMsgSize(64<<20),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 30 * time.Second, PermitWithoutStream: true}),
	)
	discovery.RegisterAggregatedDiscoveryServiceServer(server, xds.NewServer(context.Background(), content.watcher, callbacks))
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	go serveControl(*control, content, acks, read(*changesFile))
	log.Fatal(server.Serve(listener))
}

func read(file string) []table.Entry {
	entries, err := table.Read(file)
	if err != nil {
		log.Fatal(err)
	}
	return entries
}
