package main

import (
	"signalbox.dev/bench/xds/table"
)

const (
	clusterType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	endpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
	scopeType    = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration"
	routeType    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
	runtimeType  = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
)

// The order in which Envoy subscribes when it starts: each type once the one before has arrived.
var subscriptionOrder = []string{runtimeType, clusterType, endpointType, listenerType, scopeType, routeType}

// Envoy subscribes to these with a wildcard, to the others by name.
var isWildcard = map[string]bool{clusterType: true, listenerType: true, scopeType: true}

// index numbers all resources, so that a stream remembers what it holds in one array.
type index struct {
	numbers map[string]map[string]int
	names   map[string][]string
	total   int
}

func newIndex(entries []table.Entry) *index {
	built := &index{numbers: map[string]map[string]int{}, names: map[string][]string{}, total: len(entries)}
	for number, entry := range entries {
		if built.numbers[entry.TypeURL] == nil {
			built.numbers[entry.TypeURL] = map[string]int{}
		}
		built.numbers[entry.TypeURL][entry.Name] = number
		built.names[entry.TypeURL] = append(built.names[entry.TypeURL], entry.Name)
	}
	return built
}
