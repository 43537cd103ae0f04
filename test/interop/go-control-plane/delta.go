package main

import (
	"context"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// deltaClient subscribes to all clusters by a first request without names, and names what it holds when it reconnects.
type deltaClient struct {
	node     *core.Node
	stream   discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	last     *discovery.DeltaDiscoveryResponse
	versions map[string]string
}

func newDeltaClient(node *core.Node) *deltaClient {
	return &deltaClient{node: node, versions: map[string]string{}}
}

func (c *deltaClient) connect(ctx context.Context, connection *grpc.ClientConn) error {
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(connection).DeltaAggregatedResources(ctx)
	if err != nil {
		return err
	}
	c.stream, c.last = stream, nil
	return stream.Send(&discovery.DeltaDiscoveryRequest{
		Node:                    c.node,
		TypeUrl:                 resource.ClusterType,
		InitialResourceVersions: c.versions,
	})
}

func (c *deltaClient) fetch() (*update, error) {
	response, err := c.stream.Recv()
	if err != nil {
		return nil, err
	}
	c.last = response
	found := &update{Clusters: map[string]string{}, Removed: append([]string{}, response.GetRemovedResources()...)}
	for _, each := range response.GetResources() {
		message, err := contentOf(each.GetResource())
		if err != nil {
			return nil, err
		}
		found.Clusters[each.GetName()] = message.GetAltStatName()
	}
	return found, nil
}

// ack takes over what the last response brought.
func (c *deltaClient) ack() error {
	for _, each := range c.last.GetResources() {
		c.versions[each.GetName()] = each.GetVersion()
	}
	for _, name := range c.last.GetRemovedResources() {
		delete(c.versions, name)
	}
	return c.answer(nil)
}

func (c *deltaClient) nack(reason string) error {
	return c.answer(&status.Status{Code: int32(codes.InvalidArgument), Message: reason})
}

func (c *deltaClient) answer(refusal *status.Status) error {
	return c.stream.Send(&discovery.DeltaDiscoveryRequest{
		TypeUrl:       resource.ClusterType,
		ResponseNonce: c.last.GetNonce(),
		ErrorDetail:   refusal,
	})
}
