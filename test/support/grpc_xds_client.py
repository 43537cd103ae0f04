# The same as grpc-xds-client.ts, with gRPC's C core.
import sys

import grpc

as_is = lambda data: data
channel = grpc.insecure_channel(sys.argv[1])
collect = channel.unary_unary("/signalbox.test.Echo/Collect", request_serializer=as_is, response_deserializer=as_is)

for line in sys.stdin:
    key = line.strip()
    metadata = [] if key == "-" else [("x-routing-key", key)]
    server = "-"
    code = 0
    try:
        _, call = collect.with_call(b"hello", metadata=metadata, timeout=10)
        server = dict(call.initial_metadata()).get("x-echo-server", "-")
    except grpc.RpcError as error:
        code = error.code().value[0]
    print(server, code, flush=True)
channel.close()
