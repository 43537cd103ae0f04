import { parentPort, workerData } from "node:worker_threads";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";

// A wildcard client in a thread of its own, so that its work is not in the server's event loop. It accepts everything, says
// how many resources it was sent, and comes back with what it holds when it is told to.
const { port, typeUrl } = workerData as { port: number; typeUrl: string };
const method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const identity = (bytes: Uint8Array) => Buffer.from(bytes);
const held = new Map<string, string>();

function open() {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
  });
  const call = client.makeBidiStreamRequest(method, identity, identity);
  const send = (fields: object) =>
    call.write(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { typeUrl, ...fields })));
  call.on("error", () => undefined);
  call.on("data", (bytes: Buffer) => {
    const { resources, removedResources, nonce } = fromBinary(DeltaDiscoveryResponseSchema, bytes);
    for (const { name, version } of resources) held.set(name, version);
    for (const name of removedResources) held.delete(name);
    send({ responseNonce: nonce });
    const count = resources.length + removedResources.length;
    parentPort?.postMessage({ count, bytes: bytes.length });
  });
  send({ node: { id: "client", cluster: "bench" }, initialResourceVersions: Object.fromEntries(held) });
  return { call, client };
}

let current = open();
parentPort?.on("message", (message: "cut" | "reconnect" | "close") => {
  current.call.cancel();
  current.client.close();
  if (message === "reconnect") current = open();
  if (message === "close") parentPort?.close();
});
