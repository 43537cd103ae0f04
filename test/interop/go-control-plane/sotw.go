package main

import (
	"context"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/client/sotw/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
)

// sotwClient is go-control-plane's client. Its context is that of its creation, so a closed connection ends its stream.
type sotwClient struct{ ads sotw.ADSClient }

func newSotwClient(node *core.Node) *sotwClient {
	return &sotwClient{ads: sotw.NewADSClient(context.Background(), node, resource.ClusterType)}
}

func (c *sotwClient) connect(_ context.Context, connection *grpc.ClientConn) error {
	return c.ads.InitConnect(connection)
}

func (c *sotwClient) fetch() (*update, error) {
	response, err := c.ads.Fetch()
	if err != nil {
		return nil, err
	}
	found := &update{Clusters: map[string]string{}, Removed: []string{}}
	for _, body := range response.Resources {
		message, err := contentOf(body)
		if err != nil {
			return nil, err
		}
		found.Clusters[message.GetName()] = message.GetAltStatName()
	}
	return found, nil
}

func (c *sotwClient) ack() error               { return c.ads.Ack() }
func (c *sotwClient) nack(reason string) error { return c.ads.Nack(reason) }
