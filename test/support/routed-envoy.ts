import { Server, ServerCredentials } from "@grpc/grpc-js";
import { documentId, documentKey } from "../../config/documents/document.ts";
import { emptyLiveDocuments, settle } from "../../config/settle.ts";
import { validateDocument } from "../../config/validate.ts";
import { renderBootstrap } from "../../envoy/bootstrap.ts";
import { registry } from "../../proto/registry.ts";
import { xdsChannelOptions } from "../../xds-server/protocol/channel-options.ts";
import { createXdsServer } from "../../xds-server/protocol/server.ts";
import { createSnapshotStore } from "../../xds-server/protocol/snapshot.ts";
import { audiences } from "../../xds-server/publishing/audiences.ts";
import { createResourceChanges } from "../../xds-server/publishing/resource-changes.ts";
import { commonResources } from "../../xds-server/resources/build.ts";
import { createValidator } from "../../xds-server/validation/validator.ts";
import { type EnvoyOptions, startEnvoy, type TestEnvoy } from "./envoy.ts";
import { freePorts } from "./ports.ts";
import { eventually } from "./processes.ts";

/** A real Envoy that is programmed from documents in this process: everything of the request path but NATS. */
export type RoutedEnvoy = {
  readonly envoy: TestEnvoy;
  /** The keyed listener, such as `http://127.0.0.1:20001`. */
  readonly url: string;
  readonly port: number;
  /** The one-call listener, such as `http://127.0.0.1:20002`. */
  readonly oneCallUrl: string;
  readonly oneCallPort: number;
  /**
   * Settles documents, and keys of documents to delete, as one batch, and waits until Envoy has acknowledged it; answers
   * with its revision.
   */
  publish(documents: readonly unknown[], options?: { readonly wait: boolean }): Promise<number>;
  /** Ends the xDS server for good; Envoy goes on with what it holds. */
  stopXdsServer(): void;
  /** What Envoy refuses at present. */
  nacks(): readonly string[];
  /** The lines of the access log so far. */
  accessLog(): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
};

export type RoutedEnvoyOptions = EnvoyOptions & {
  /** How long routes wait for the ACK of clusters; 15,000 by default. */
  readonly clusterAckTimeoutMs?: number;
  /** Of the resolvers that the one-call listener asks; there is none by default. */
  readonly resolverPorts?: readonly number[];
};

const group = "test";

/** Starts the xDS server and an Envoy on it, without documents. */
export async function startRoutedEnvoy(options: RoutedEnvoyOptions = {}): Promise<RoutedEnvoy> {
  const [xdsPort, adminPort, port, oneCallPort] = (await freePorts(4)) as [number, number, number, number];
  const store = createSnapshotStore();
  const changes = createResourceChanges({ validate: createValidator(registry), now: () => new Date() });
  const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined };
  const { clusterAckTimeoutMs = 15_000 } = options;
  const xds = createXdsServer({ store, groupOf: () => group, logger, timing: { clusterAckTimeoutMs } });
  const server = new Server(xdsChannelOptions);
  xds.addTo(server);
  await new Promise<void>((resolve, reject) => {
    const done = (error: Error | null) => (error ? reject(error) : resolve());
    server.bindAsync(`127.0.0.1:${xdsPort}`, ServerCredentials.createInsecure(), done);
  });
  // Nothing listens on port 1.
  const resolvers = (options.resolverPorts ?? [1]).map((resolverPort) => ({ host: "127.0.0.1", port: resolverPort }));
  const oneCall = { port: oneCallPort, resolvers };
  const common = commonResources({ address: "127.0.0.1", port, accessLog: "stdout", oneCall });
  const [envoys] = audiences(common);
  if (!envoys) throw new Error("there is no group of Envoys");
  const stopXdsServer = () => {
    xds.close();
    server.forceShutdown();
  };
  let live = emptyLiveDocuments;
  store.apply(
    group,
    common.map(({ typeUrl, name, encode }) => ({ typeUrl, name, resource: encode() })),
    { revision: 0 },
  );
  const envoy = await startEnvoy(renderBootstrap({ xdsPort, adminPort }), adminPort, { until: "ready", ...options });
  return {
    envoy,
    url: `http://127.0.0.1:${port}`,
    port,
    oneCallUrl: `http://127.0.0.1:${oneCallPort}`,
    oneCallPort,
    publish: async (documents, { wait } = { wait: true }) => {
      const entries = documents.map((given, index) => entryOf(given, live.revision + 1 + index));
      const next = settle(live, entries, new Date());
      const problems = [...next.rejections.values()].flatMap((rejection) => rejection.problems);
      if (problems.length > 0) throw new Error(JSON.stringify(problems, null, 2));
      live = next;
      const ours = (await changes.update(live)).filter(({ typeUrl }) => envoys.gets(typeUrl));
      store.apply(group, ours, { revision: live.revision });
      if (!wait) return live.revision;
      await eventually(`Envoy acknowledges revision ${live.revision}`, () =>
        xds.nodes().some(({ acknowledgedRevision }) => (acknowledgedRevision ?? 0) >= live.revision),
      );
      return live.revision;
    },
    stopXdsServer,
    nacks: () => xds.nodes().flatMap((node) => node.nacks.map(({ message }) => message)),
    accessLog: async () => {
      // Envoy writes its log at most a second late.
      await envoy.admin("/reopen_logs", "POST");
      const lines = envoy.output().split("\n");
      return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    },
    stop: async () => {
      await envoy.stop();
      stopXdsServer();
    },
  };
}

function entryOf(given: unknown, revision: number) {
  const at = new Date().toISOString();
  if (typeof given === "string") return { key: given, revision, value: null, at };
  const validation = validateDocument(given);
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems, null, 2));
  const { document } = validation;
  const value = Buffer.from(JSON.stringify(document));
  return { key: documentKey(documentId(document)), revision, value, at };
}
