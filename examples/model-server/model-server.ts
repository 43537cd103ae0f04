import type { Server } from "node:http";
import type { ModelServerConfig } from "./config.ts";
import type { ModelServerContext } from "./context.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { createHttpServer } from "./http-server.ts";
import { loadModels } from "./loaded-models.ts";
import type { Log } from "./log.ts";

export type ModelServer = {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Says it is not ready, takes no new connection, lets requests under way end, and ends what is left after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
};

/** Starts both halves of the server. Throws when a port is taken or the weights of a version are missing. */
export async function startModelServer(config: ModelServerConfig, log: Log): Promise<ModelServer> {
  let ready = true;
  const context: ModelServerContext = { models: loadModels(config.versions), log, isReady: () => ready };
  const http = createHttpServer(context);
  const grpc = createGrpcServer(context);
  const grpcPort = await grpc.start(config.host, config.grpcPort);
  const httpPort = await listen(http, config).catch((error: unknown) => {
    grpc.stop();
    throw error;
  });
  return {
    httpPort,
    grpcPort,
    drain: async (timeoutMs) => {
      ready = false;
      // A connection that becomes idle after a stream would keep the server from closing.
      const closeIdle = setInterval(() => http.closeIdleConnections(), 100);
      const timer = setTimeout(() => {
        http.closeAllConnections();
        grpc.stop();
      }, timeoutMs);
      await Promise.all([new Promise((resolve) => http.close(resolve)), grpc.drain()]);
      clearTimeout(timer);
      clearInterval(closeIdle);
    },
  };
}

function listen(server: Server, { host, httpPort }: ModelServerConfig): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port: httpPort }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : httpPort);
    });
  });
}
