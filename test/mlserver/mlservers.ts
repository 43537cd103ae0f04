import { existsSync } from "node:fs";
import { join } from "node:path";
import { mlserverPaths } from "../../examples/mlserver/paths.js";
import { projectFolder } from "../../setup/paths.js";
import { freePorts } from "../support/ports.ts";
import { answers, type Running, startProcess } from "../support/processes.ts";

export type MlServer = {
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Starts it again, on the same ports. */
  start(): Promise<void>;
  /** How many times a path was asked with POST, by its own access log. */
  posts(path: string): number;
  kill(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts the real MLServer over one of the repositories that set-up made, on free ports, and waits for its model. */
export async function startMlServer(repository: "a" | "b", version: string): Promise<MlServer> {
  const { mlserver, repositories } = mlserverPaths(projectFolder);
  if (!existsSync(join(repositories, repository, "digits", "model.joblib"))) {
    throw new Error("MLServer is not set up: run `npm run test:mlserver`, which installs it and trains the models");
  }
  const [httpPort, grpcPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const launch = () =>
    startProcess(mlserver, ["start", join(repositories, repository)], {
      folder: repositories,
      environment: {
        MLSERVER_HOST: "127.0.0.1",
        MLSERVER_HTTP_PORT: String(httpPort),
        MLSERVER_GRPC_PORT: String(grpcPort),
        MLSERVER_METRICS_PORT: String(metricsPort),
        MLSERVER_PARALLEL_WORKERS: "0",
      },
      ready: () => answers(`http://127.0.0.1:${httpPort}/v2/models/digits/versions/${version}/ready`),
      readyTimeoutMs: 90_000,
    });
  let running: Running = await launch();
  return {
    httpPort,
    grpcPort,
    start: async () => {
      running = await launch();
    },
    posts: (path) => running.output().split(`"POST ${path} HTTP`).length - 1,
    kill: () => running.stop("SIGKILL"),
    stop: () => running.stop(),
  };
}
