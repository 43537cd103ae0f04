import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { AggregatedDiscoveryService } from "../../proto/gen/envoy/service/discovery/v3/ads_pb.js";
import { DeltaDiscoveryResponseSchema } from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { startGrpcServer } from "../../service/grpc-server.ts";
import { createLogger } from "../../service/logger.ts";
import { createMetrics } from "../../service/metrics.ts";
import { createXdsMetrics } from "../../xds-server/metrics.ts";
import { xdsChannelOptions } from "../../xds-server/protocol/channel-options.ts";
import type { ResourceChange } from "../../xds-server/protocol/group.ts";
import { createXdsServer } from "../../xds-server/protocol/server.ts";
import { createSnapshotStore } from "../../xds-server/protocol/snapshot.ts";
import { typeUrls } from "../../xds-server/protocol/type-urls.ts";
import { watchTurns } from "../turns.ts";
import { createAckCounter } from "./ack-counter.ts";

// Our side of the benchmark: the protocol layer of the xds-server with the log, metrics and gRPC options of that process, and
// with a file of resources in the place of documents. Controlled over HTTP like its peer, go/peer.

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "18000" },
    "control-port": { type: "string", default: "18001" },
    table: { type: "string" },
    changes: { type: "string" },
  },
});
const group = "envoys";
const logger = createLogger({ name: "xds-server", level: "info" });
const store = createSnapshotStore();
const metrics = createMetrics({ build: { process: "xds-server", version: "bench" } });
// Only what is counted on the way of requests and responses matters here; nobody reads the gauges.
const unread = {} as Parameters<typeof createXdsMetrics>[1];
const xdsMetrics = createXdsMetrics(metrics, unread);
const acks = createAckCounter();
const hooks: typeof xdsMetrics.hooks = {
  ...xdsMetrics.hooks,
  onAck: (stream, ack) => {
    xdsMetrics.hooks.onAck?.(stream, ack);
    acks.note(ack.typeUrl);
  },
};
const xds = createXdsServer({ store, groupOf: () => group, logger, hooks });
store.apply(group, read(values.table), { revision: 1 });
const changes = values.changes ? read(values.changes) : [];
let nextChange = 0;
await startGrpcServer({
  host: "127.0.0.1",
  port: Number(values.port),
  portVariable: "--port",
  services: [AggregatedDiscoveryService],
  addTo: xds.addTo,
  options: xdsChannelOptions,
});
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const turns = watchTurns();

createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname === "/change") {
    const change = changes[nextChange++];
    if (!change) throw new Error("no change is left");
    const acknowledged = acks.start(typeUrls.route, Number(url.searchParams.get("streams")));
    store.apply(group, [change], { revision: nextChange + 1 });
    response.end(JSON.stringify({ acknowledgedAfterMs: await acknowledged }));
  } else if (url.pathname === "/event-loop") {
    response.end(JSON.stringify({ delay: eventLoopDelay(), turns: await turns.take() }));
  } else if (url.pathname === "/cpu") {
    const { user, system } = process.cpuUsage();
    response.end(JSON.stringify({ cpuMs: (user + system) / 1000 }));
  } else {
    response.end();
  }
}).listen(Number(values["control-port"]), "127.0.0.1");

/** How late timers were since the last call, in milliseconds; the sampling interval of 1 ms is part of it. */
function eventLoopDelay() {
  const inMs = (percentile: number) => delay.percentile(percentile) / 1e6;
  const found = { p50Ms: inMs(50), p90Ms: inMs(90), p99Ms: inMs(99), p999Ms: inMs(99.9), maxMs: delay.max / 1e6 };
  delay.reset();
  return found;
}

function read(file: string | undefined): ResourceChange[] {
  if (file === undefined) throw new Error("--table has to name a file");
  const reader = new BinaryReader(readFileSync(file));
  const changes: ResourceChange[] = [];
  while (reader.pos < reader.len) {
    const { typeUrl, resources } = fromBinary(DeltaDiscoveryResponseSchema, reader.bytes());
    for (const { name, resource } of resources) {
      changes.push({ typeUrl, name, resource: { bytes: Uint8Array.from(resource?.value ?? []) } });
    }
  }
  return changes;
}
