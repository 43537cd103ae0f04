import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** Where a model server listens. */
export type ModelPorts = { readonly http1Port: number; readonly grpcPort: number };

export type ModelServers = {
  readonly ports: readonly ModelPorts[];
  stop(): Promise<void>;
};

/** Starts echo servers (see echo-server.ts) in a thread of their own: what is busy in this one delays no answer. */
export async function startModelServers(count: number): Promise<ModelServers> {
  const url = new URL("./model-servers-thread.ts", import.meta.url);
  const thread = new Worker(url, { workerData: count, execArgv: [] });
  const [ports] = await once(thread, "message");
  return {
    ports,
    stop: async () => {
      await thread.terminate();
    },
  };
}
