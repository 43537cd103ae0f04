"""Writes the protos of Envoy's current API, with their validate.rules, as one FileDescriptorSet.

Source: the PyPI package xds-protos (gRPC's own build of the API). Usage: envoy-descriptors.py OUTPUT
"""

import importlib
import pathlib
import sys

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor

packages = ["envoy", "xds", "udpa", "validate"]
site = pathlib.Path(importlib.import_module("envoy").__path__[0]).parent
result = descriptor_pb2.FileDescriptorSet()
added = set()


def add(file: FileDescriptor) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        add(dependency)
    file.CopyToProto(result.file.add())


for package in packages:
    for path in sorted((site / package).rglob("*_pb2.py")):
        name = ".".join(path.relative_to(site).with_suffix("").parts)
        # The v2 API is gone from Envoy; some of its files import what the package does not hold.
        if not any(old in name for old in (".v2", "v1alpha", "envoy.api.")):
            add(importlib.import_module(name).DESCRIPTOR)

pathlib.Path(sys.argv[1]).write_bytes(result.SerializeToString(deterministic=True))
