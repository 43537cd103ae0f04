import { rmSync } from "node:fs";
import { join } from "node:path";
import { renderBootstrap } from "../../envoy/bootstrap.ts";
import { projectFolder } from "../../setup/paths.js";
import { startEnvoy } from "./envoy.ts";
import { startNats, type TestNats } from "./nats.ts";
import { freePort, freePorts } from "./ports.ts";
import { answers, makeTemporaryFolder, type Running, startProcess } from "./processes.ts";
import { type Alter, startXdsRelay } from "./xds-relay.ts";

/** One part of a running Signalbox that a test may kill and start again. */
export type Part = {
  /** The process now running; changes with each restart. */
  running(): Running;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again with the same ports and folders, and waits until it is ready. */
  start(): Promise<void>;
};

/** A whole Signalbox on free ports with its own data folder: nats-server, resolver, xds-server and Envoy. */
export type System = {
  readonly folder: string;
  readonly natsUrl: string;
  readonly resolverUrl: string;
  readonly resolverGrpcAddress: string;
  readonly xdsUrl: string;
  readonly xdsGrpcPort: number;
  readonly envoyUrl: string;
  readonly oneCallUrl: string;
  readonly adminUrl: string;
  readonly parts: Readonly<Record<"nats" | "resolver" | "xdsServer" | "envoy", Part>>;
  /** Environment for a `signalbox` command against this system. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
};

/**
 * Starts the system. It is empty: Envoy gets its listener when the first documents arrive, so only nats-server and the
 * processes' own HTTP servers are awaited. `alter` changes what Envoy is sent by the xds-server, on its way.
 */
export async function startSystem(
  environment: Readonly<Record<string, string>> = {},
  { alter }: { readonly alter?: Alter } = {},
): Promise<System> {
  const folder = makeTemporaryFolder();
  const [http, grpc, xds, xdsHttp, envoyPort, adminPort, oneCallPort] = (await freePorts(7)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const natsPort = await freePort();
  const natsUrl = `nats://127.0.0.1:${natsPort}`;
  const variables = {
    NATS_URL: natsUrl,
    SIGNALBOX_DATA: folder,
    HOST: "127.0.0.1",
    RESOLVER_HTTP_PORT: String(http),
    RESOLVER_GRPC_PORT: String(grpc),
    XDS_GRPC_PORT: String(xds),
    XDS_HTTP_PORT: String(xdsHttp),
    ENVOY_KEYED_PORT: String(envoyPort),
    ENVOY_ONE_CALL_PORT: String(oneCallPort),
    ENVOY_RESOLVERS: `127.0.0.1:${http}`,
    ENVOY_ADMIN_PORT: String(adminPort),
    ...environment,
  };
  const node = (main: string, readyUrl: string) => () =>
    startProcess(process.execPath, [join(projectFolder, main)], {
      environment: variables,
      ready: () => answers(readyUrl),
    });
  const relay = alter && (await startXdsRelay(xds, alter));
  const parts = {
    nats: await startPart(() => startNats(folder, natsPort)),
    resolver: await startPart(node("resolver/main.ts", `http://127.0.0.1:${http}/healthz`)),
    xdsServer: await startPart(node("xds-server/main.ts", `http://127.0.0.1:${xdsHttp}/healthz`)),
    envoy: await startPart(() => startEnvoy(renderBootstrap({ xdsPort: relay?.port ?? xds, adminPort }), adminPort)),
  };
  return {
    folder,
    natsUrl,
    resolverUrl: `http://127.0.0.1:${http}`,
    resolverGrpcAddress: `127.0.0.1:${grpc}`,
    xdsUrl: `http://127.0.0.1:${xdsHttp}`,
    xdsGrpcPort: xds,
    envoyUrl: `http://127.0.0.1:${envoyPort}`,
    oneCallUrl: `http://127.0.0.1:${oneCallPort}`,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    parts,
    environment: variables,
    stop: async () => {
      for (const part of [parts.envoy, parts.xdsServer, parts.resolver, parts.nats]) await part.running().stop();
      await relay?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startPart(start: () => Promise<Running | TestNats>): Promise<Part> {
  let running = await start();
  return {
    running: () => running,
    kill: () => running.stop("SIGKILL"),
    start: async () => {
      running = await start();
    },
  };
}
