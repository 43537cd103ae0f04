package main

import (
	"context"
	"fmt"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"signalbox.dev/bench/xds/table"
)

// content is what the server serves, and the way to change one resource of it.
type content struct {
	watcher cache.Cache
	change  func(table.Entry) error
}

func newContent(kind string, entries []table.Entry) (*content, error) {
	byType := map[string]map[string]types.Resource{}
	for _, entry := range entries {
		message, err := entry.Body.UnmarshalNew()
		if err != nil {
			return nil, err
		}
		if byType[entry.TypeURL] == nil {
			byType[entry.TypeURL] = map[string]types.Resource{}
		}
		byType[entry.TypeURL][entry.Name] = message
	}
	switch kind {
	case "linear":
		return linearContent(byType), nil
	case "snapshot":
		return snapshotContent(byType)
	}
	return nil, fmt.Errorf("-cache has to be linear or snapshot, not %q", kind)
}

// linearContent makes a change with UpdateResource, which looks at the watches of that one type.
func linearContent(byType map[string]map[string]types.Resource) *content {
	caches := map[string]cache.Cache{}
	linear := map[string]*cache.LinearCache{}
	for typeURL, resources := range byType {
		linear[typeURL] = cache.NewLinearCache(typeURL, cache.WithInitialResources(resources))
		caches[typeURL] = linear[typeURL]
	}
	mux := &cache.MuxCache{
		Classify:      func(request *cache.Request) string { return request.GetTypeUrl() },
		ClassifyDelta: func(request *cache.DeltaRequest) string { return request.GetTypeUrl() },
		Caches:        caches,
	}
	return &content{watcher: mux, change: func(entry table.Entry) error {
		message, err := entry.Body.UnmarshalNew()
		if err != nil {
			return err
		}
		return linear[entry.TypeURL].UpdateResource(entry.Name, message)
	}}
}

// everyNode gives all nodes the same snapshot.
type everyNode struct{}

func (everyNode) ID(*core.Node) string { return "all" }

// snapshotContent makes a change with SetSnapshot: a new snapshot of which all but one resource are those of the last one.
func snapshotContent(byType map[string]map[string]types.Resource) (*content, error) {
	snapshots := cache.NewSnapshotCache(false, everyNode{}, nil)
	version := 0
	set := func() error {
		version++
		lists := map[resource.Type][]types.Resource{}
		for typeURL, resources := range byType {
			for _, each := range resources {
				lists[typeURL] = append(lists[typeURL], each)
			}
		}
		snapshot, err := cache.NewSnapshot(fmt.Sprint(version), lists)
		if err != nil {
			return err
		}
		return snapshots.SetSnapshot(context.Background(), "all", snapshot)
	}
	change := func(entry table.Entry) error {
		message, err := entry.Body.UnmarshalNew()
		if err != nil {
			return err
		}
		byType[entry.TypeURL][entry.Name] = message
		return set()
	}
	return &content{watcher: snapshots, change: change}, set()
}
