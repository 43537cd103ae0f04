import { rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { connectStore, type DocumentStore } from "../../config/store/document-store.ts";
import { validateDocument } from "../../config/validate.ts";
import { renderBootstrap } from "../../envoy/bootstrap.ts";
import { type RevisionState, revisionState } from "../../rollout/revision-state.ts";
import { type StatusWatch, watchStatuses } from "../../rollout/status-watch.ts";
import { projectFolder } from "../../setup/paths.js";
import { startEnvoy } from "./envoy.ts";
import { type ModelPorts, startModelServers } from "./model-servers.ts";
import { startNats } from "./nats.ts";
import { freePorts } from "./ports.ts";
import { answers, eventually, makeTemporaryFolder, type Running, startProcess } from "./processes.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** One process of the world. */
export type WorldPart = {
  readonly kind: "nats" | "resolver" | "xds-server" | "envoy";
  /** Such as `resolver 0`. */
  readonly name: string;
  /** What it wrote since it was last started. */
  output(): string;
  kill(): Promise<void>;
  start(): Promise<void>;
};

/** Signalbox with two of each: resolvers, xds-servers and Envoys, which share a port; and model servers. */
export type RolloutWorld = {
  readonly natsUrl: string;
  /** For clients that decide by themselves. */
  readonly clientNatsUrl: string;
  /** For clients that ask. */
  readonly resolverUrls: readonly string[];
  /** The keyed listener of both Envoys. */
  readonly envoyUrl: string;
  /** The one-call listener of both. */
  readonly oneCallUrl: string;
  readonly models: readonly ModelPorts[];
  readonly parts: readonly WorldPart[];
  /** Cut off what they lie between: each two that speak with one another, the first of its kind where there are two. */
  readonly links: Readonly<Record<LinkName, TcpProxy>>;
  /** The store, connected anew when NATS was killed. */
  store(): Promise<DocumentStore>;
  readonly statuses: StatusWatch;
  stop(): Promise<void>;
};

type LinkName =
  | "resolver-nats"
  | "xds-server-nats"
  | "client-nats"
  | "client-resolver"
  | "envoy-xds-server"
  | "envoy-resolver"
  /** And the xds-servers, which ask whether it is ready. */
  | "envoy-shard";

export type RolloutWorldOptions = {
  readonly models?: number;
  readonly environment?: Readonly<Record<string, string>>;
};

export async function startRolloutWorld({
  models = 6,
  environment = {},
}: RolloutWorldOptions = {}): Promise<RolloutWorld> {
  const folder = makeTemporaryFolder();
  const ports = await freePorts(13);
  const at = (index: number) => ports[index] ?? 0;
  const natsPort = at(0);
  const natsUrl = `nats://127.0.0.1:${natsPort}`;
  const servers = await startModelServers(models);
  const nats = await part("nats", 0, () => startNats(folder, natsPort));
  const links = {
    "resolver-nats": await startTcpProxy(natsPort),
    "xds-server-nats": await startTcpProxy(natsPort),
    "client-nats": await startTcpProxy(natsPort),
    "client-resolver": await startTcpProxy(at(1)),
    "envoy-xds-server": await startTcpProxy(at(5)),
    "envoy-resolver": await startTcpProxy(at(1)),
    "envoy-shard": await startTcpProxy(servers.ports[0]?.http1Port ?? 0),
  };
  const common = { SIGNALBOX_DATA: folder, LOG_LEVEL: "info", ...environment };
  const resolver = (index: number) => {
    const [http, grpc] = [at(1 + index), at(3 + index)];
    const url = index === 0 ? `nats://127.0.0.1:${links["resolver-nats"].port}` : natsUrl;
    return part("resolver", index, () =>
      startProcess(process.execPath, [join(projectFolder, "resolver/main.ts")], {
        environment: { ...common, NATS_URL: url, RESOLVER_HTTP_PORT: String(http), RESOLVER_GRPC_PORT: String(grpc) },
        ready: () => answers(`http://127.0.0.1:${http}/healthz`),
        readyTimeoutMs: 60_000,
      }),
    );
  };
  const xdsServer = (index: number) => {
    const [xds, http] = [at(5 + index), at(7 + index)];
    const url = index === 0 ? `nats://127.0.0.1:${links["xds-server-nats"].port}` : natsUrl;
    return part("xds-server", index, () =>
      startProcess(process.execPath, [join(projectFolder, "xds-server/main.ts")], {
        environment: {
          ...{ ...common, NATS_URL: url, XDS_GRPC_PORT: String(xds), XDS_HTTP_PORT: String(http) },
          ...{ ENVOY_KEYED_PORT: String(at(9)), ENVOY_ONE_CALL_PORT: String(at(12)), ENVOY_ACCESS_LOG: "off" },
          ENVOY_RESOLVERS: `127.0.0.1:${links["envoy-resolver"].port},127.0.0.1:${at(2)}`,
        },
        ready: () => answers(`http://127.0.0.1:${http}/healthz`),
        readyTimeoutMs: 60_000,
      }),
    );
  };
  const envoy = (index: number) => {
    const first = index === 0 ? links["envoy-xds-server"].port : at(6);
    const xdsAddresses = [`127.0.0.1:${first}`, `127.0.0.1:${at(index === 0 ? 6 : 5)}`];
    const adminPort = at(10 + index);
    const bootstrap = renderBootstrap({ xdsAddresses, adminPort, nodeId: `envoy-${index}` });
    return part("envoy", index, () => startEnvoy(bootstrap, adminPort, { readyTimeoutMs: 60_000 }));
  };
  const parts = [nats];
  for (const start of [resolver, xdsServer, envoy]) parts.push(...(await Promise.all([start(0), start(1)])));
  const ending = new AbortController();
  const statuses = watchStatuses({ servers: natsUrl, signal: ending.signal });
  let store: DocumentStore | undefined = await connectStore({ servers: natsUrl });
  return {
    natsUrl,
    clientNatsUrl: `nats://127.0.0.1:${links["client-nats"].port}`,
    resolverUrls: [`http://127.0.0.1:${links["client-resolver"].port}`, `http://127.0.0.1:${at(2)}`],
    envoyUrl: `http://127.0.0.1:${at(9)}`,
    oneCallUrl: `http://127.0.0.1:${at(12)}`,
    models: servers.ports.map((ports, n) => (n === 0 ? { ...ports, http1Port: links["envoy-shard"].port } : ports)),
    parts,
    links,
    statuses,
    store: async () => {
      store ??= await connectStore({ servers: natsUrl });
      return store;
    },
    stop: async () => {
      ending.abort();
      await store?.close();
      store = undefined;
      for (const each of [...parts].reverse()) await each.stop();
      for (const link of Object.values(links)) await link.stop();
      await Promise.all([statuses.stopped, servers.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function part(
  kind: WorldPart["kind"],
  index: number,
  start: () => Promise<Running>,
): Promise<WorldPart & { stop(): Promise<void> }> {
  let running = await start();
  return {
    kind,
    name: `${kind} ${index}`,
    output: () => running.output(),
    kill: () => running.stop("SIGKILL"),
    start: async () => {
      running = await start();
    },
    stop: () => running.stop(),
  };
}

/** A change of documents: some are published, some deleted. */
export type WorldChange = { readonly documents?: readonly unknown[]; readonly deleted?: readonly string[] };

/** Publishes a change as one batch; answers with its first and last revision. */
export async function publishTo(store: DocumentStore, { documents = [], deleted = [] }: WorldChange): Promise<number> {
  const changes = [
    ...documents.map((given) => {
      const validation = validateDocument(given);
      if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
      return { document: validation.document };
    }),
    ...deleted.map((key) => {
      const [kind = "", namespace = "", name = ""] = key.split(".");
      const kinds = { shard: "Shard", model: "Model", objective: "Objective" } as const;
      return { delete: { kind: kinds[kind as keyof typeof kinds], namespace, name } };
    }),
  ];
  return (await store.apply(changes)).revision;
}

/** Resolves when the revision is live (or is in another of these states) everywhere; throws when that takes too long. */
export async function untilLive(
  { statuses }: Pick<RolloutWorld, "statuses">,
  revision: number,
  {
    states = ["live"],
    timeoutMs = 60_000,
  }: { readonly states?: readonly RevisionState["state"][]; readonly timeoutMs?: number } = {},
): Promise<RevisionState> {
  const look = () => {
    const state = revisionState(statuses.current() ?? [], { revision });
    const isWhole = state.resolvers.of >= 2 && state.envoys.of >= 2;
    return isWhole && states.includes(state.state) ? state : null;
  };
  const immediately = look();
  if (immediately) return immediately;
  return await new Promise((resolve, reject) => {
    const check = () => {
      const state = look();
      if (!state) return;
      end();
      resolve(state);
    };
    const unsubscribe = statuses.subscribe(check);
    const timer = setTimeout(() => {
      end();
      const last = revisionState(statuses.current() ?? [], { revision });
      reject(
        new Error(`revision ${revision} is not ${states.join(" or ")} after ${timeoutMs} ms: ${JSON.stringify(last)}`),
      );
    }, timeoutMs);
    const end = () => {
      unsubscribe();
      clearTimeout(timer);
    };
  });
}

/** Waits until both Envoys and both resolvers are there. */
export async function untilWhole(world: RolloutWorld): Promise<void> {
  const seen = () => {
    const all = world.statuses.current() ?? [];
    // Clients that decide by themselves are in a group.
    const parts = all.filter(({ group, leaving }) => group === undefined && !leaving);
    const envoys = all.flatMap((each) => (each.envoys ?? []).filter(({ counts }) => counts));
    return {
      resolvers: parts.filter(({ process }) => process === "resolver").length,
      xdsServers: parts.filter(({ process }) => process === "xds-server").length,
      envoys: new Set(envoys.map(({ nodeId }) => nodeId)).size,
    };
  };
  const whole = { resolvers: 2, xdsServers: 2, envoys: 2 };
  await eventually(
    "two resolvers, two xds-servers and two Envoys",
    () => {
      if (isDeepStrictEqual(seen(), whole)) return true;
      throw new Error(JSON.stringify(seen()));
    },
    60_000,
  );
}
