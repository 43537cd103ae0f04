import { Adapter } from "../../proto/gen/adapter/adapter_pb.js";
import { AggregatedDiscoveryService } from "../../proto/gen/envoy/service/discovery/v3/ads_pb.js";
import { startGrpcServer } from "../../service/grpc-server.ts";
import { unaryService } from "../../service/grpc-service.ts";
import type { Started } from "../../service/lifecycle.ts";
import { createLogger } from "../../service/logger.ts";
import { xdsChannelOptions } from "../protocol/channel-options.ts";
import { createXdsServer } from "../protocol/server.ts";
import { createAdapter } from "./adapter.ts";
import type { AdapterConfig } from "./config.ts";

/**
 * Starts the xDS protocol layer by itself, and beside it the control service of conformance harnesses. A node's group is its
 * id; a node without state is not answered until it has one, because a harness may subscribe first.
 */
export async function startAdapter(config: AdapterConfig): Promise<Started> {
  const logger = createLogger({ name: "xds-adapter", level: config.LOG_LEVEL });
  const { store, handlers } = createAdapter();
  const xds = createXdsServer({
    store,
    groupOf: (node) => node.id,
    logger,
    withoutContent: "wait",
    // A harness looks at each change by itself, and need not acknowledge one type before it looks at the next.
    timing: { coalesceMs: 0, removalGraceMs: 0, clusterAckTimeoutMs: 500 },
  });
  const { HOST: host } = config;
  const xdsServer = await startGrpcServer({
    ...{ host, port: config.XDS_GRPC_PORT, portVariable: "XDS_GRPC_PORT" },
    services: [AggregatedDiscoveryService],
    addTo: xds.addTo,
    options: xdsChannelOptions,
  });
  const onError = (error: Error, method: string) => logger.error({ err: error, method }, "a call failed");
  const control = unaryService(Adapter, handlers, onError);
  const adapterServer = await startGrpcServer({
    ...{ host, port: config.XDS_ADAPTER_PORT, portVariable: "XDS_ADAPTER_PORT" },
    services: [Adapter],
    addTo: (server) => server.addService(control.definition, control.implementation),
    options: { "grpc.max_receive_message_length": xdsChannelOptions["grpc.max_receive_message_length"] },
  });
  logger.info({ xdsPort: xdsServer.port, adapterPort: adapterServer.port }, "started");
  return {
    logger,
    drainTimeoutMs: config.DRAIN_TIMEOUT_MS,
    drain: async (timeoutMs) => {
      xds.close();
      await Promise.all([xdsServer.drain(timeoutMs), adapterServer.drain(timeoutMs)]);
    },
  };
}
