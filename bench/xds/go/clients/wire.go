package main

import (
	"errors"
	"fmt"
	"hash/fnv"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Requests and responses are read and written as bytes: 1,000 clients that decode every resource would be measured
// themselves.

// request is a DeltaDiscoveryRequest without its node.
func request(typeURL, nonce string, subscribe []string, versions map[string]string) []byte {
	var bytes []byte
	bytes = appendString(bytes, 2, typeURL)
	for _, name := range subscribe {
		bytes = appendString(bytes, 3, name)
	}
	for name, version := range versions {
		entry := appendString(appendString(nil, 1, name), 2, version)
		bytes = appendString(bytes, 5, string(entry))
	}
	if nonce != "" {
		bytes = appendString(bytes, 6, nonce)
	}
	return bytes
}

// withNode appends the node, which only the first request of a stream carries.
func withNode(request []byte, id string) []byte {
	node := appendString(appendString(nil, 1, id), 2, "signalbox")
	node = appendString(node, 6, "envoy")
	with := make([]byte, 0, len(request)+len(node)+8)
	return appendString(append(with, request...), 1, string(node))
}

func appendString(bytes []byte, field protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(bytes, field, protowire.BytesType), value)
}

// response is what a client takes note of in a DeltaDiscoveryResponse.
type response struct {
	typeURL   string
	nonce     string
	resources [][]byte
	removed   int
	// hold is called for each resource; the bytes are only valid during the call.
	hold func(typeURL string, name, version []byte) error
}

// decode reads a response; the type comes after the resources when the server is written in Go.
func (r *response) decode(bytes []byte) error {
	r.typeURL, r.nonce, r.removed = "", "", 0
	r.resources = r.resources[:0]
	err := fields(bytes, func(field protowire.Number, value []byte) error {
		switch field {
		case 2:
			r.resources = append(r.resources, value)
		case 4:
			r.typeURL = string(value)
		case 5:
			r.nonce = string(value)
		case 6:
			r.removed++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, each := range r.resources {
		var name, version []byte
		err := fields(each, func(field protowire.Number, value []byte) error {
			switch field {
			case 1:
				version = value
			case 3:
				name = value
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := r.hold(r.typeURL, name, version); err != nil {
			return err
		}
	}
	return nil
}

// fields calls visit for each length-delimited field of a message.
func fields(bytes []byte, visit func(protowire.Number, []byte) error) error {
	for len(bytes) > 0 {
		number, kind, length := protowire.ConsumeTag(bytes)
		if length < 0 {
			return protowire.ParseError(length)
		}
		bytes = bytes[length:]
		if kind == protowire.BytesType {
			value, length := protowire.ConsumeBytes(bytes)
			if length < 0 {
				return protowire.ParseError(length)
			}
			if err := visit(number, value); err != nil {
				return err
			}
			bytes = bytes[length:]
			continue
		}
		length = protowire.ConsumeFieldValue(number, kind, bytes)
		if length < 0 {
			return protowire.ParseError(length)
		}
		bytes = bytes[length:]
	}
	return nil
}

// hashOf is never 0, which stands for a resource that is not held.
func hashOf(version []byte) uint64 {
	hash := fnv.New64a()
	hash.Write(version)
	return hash.Sum64() | 1
}

// codec hands ready bytes to gRPC, and lets a response read itself.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(value any) (mem.BufferSlice, error) {
	bytes, ok := value.([]byte)
	if !ok {
		return nil, fmt.Errorf("a request has to be bytes, not %T", value)
	}
	return mem.BufferSlice{mem.SliceBuffer(bytes)}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, value any) error {
	into, ok := value.(*response)
	if !ok {
		return errors.New("a response has to be read into a *response")
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return into.decode(buffer.ReadOnlyData())
}
