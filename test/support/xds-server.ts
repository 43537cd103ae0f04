import { type ChannelOptions, Server, ServerCredentials } from "@grpc/grpc-js";
import { xdsChannelOptions } from "../../xds-server/protocol/channel-options.ts";
import type { StreamInfo, XdsHooks } from "../../xds-server/protocol/hooks.ts";
import { createXdsServer, type XdsServer, type XdsServerDeps } from "../../xds-server/protocol/server.ts";
import { createSnapshotStore, type SnapshotStore } from "../../xds-server/protocol/snapshot.ts";
import { testResource } from "./xds-client.ts";

/** The protocol layer on a real socket. */
export type TestXdsServer = {
  readonly port: number;
  readonly store: SnapshotStore;
  readonly server: XdsServer;
  /** Sets resources of the group "test" (null removes) as one commit; a content is what a test client reads back. */
  change(resources: Readonly<Record<string, Readonly<Record<string, string | null>>>>, revision?: number): void;
  /** Log lines so far. */
  readonly logs: readonly { readonly level: string; readonly message: string; readonly fields: object }[];
  stop(): Promise<void>;
};

export type TestXdsServerOptions = Partial<XdsServerDeps> & {
  /** A free one by default. */
  readonly port?: number;
  /** gRPC server options on top of those for xDS. */
  readonly channelOptions?: ChannelOptions;
};

/** Starts the protocol layer on a free port; every node is in the group "test", which begins without a commit. */
export async function startXdsServer(options: TestXdsServerOptions = {}): Promise<TestXdsServer> {
  const store = options.store ?? createSnapshotStore();
  const logs: { level: string; message: string; fields: object }[] = [];
  const log = (level: string) => (fields: object, message: string) => void logs.push({ level, message, fields });
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn") };
  const server = createXdsServer({ store, groupOf: () => "test", logger, ...options });
  const grpc = new Server({ ...xdsChannelOptions, ...options.channelOptions });
  server.addTo(grpc);
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    port,
    store,
    server,
    logs,
    change: (resources, revision) => {
      const changes = Object.entries(resources).flatMap(([typeUrl, byName]) =>
        Object.entries(byName).map(([name, content]) => ({
          typeUrl,
          name,
          resource: content === null ? null : { bytes: testResource(name, content) },
        })),
      );
      store.apply("test", changes, { revision });
    },
    stop: async () => {
      server.close();
      grpc.forceShutdown();
    },
  };
}

/** Hooks that write down what they were told, as short lines. */
export function recordingHooks(): XdsHooks & { readonly lines: string[] } {
  const lines: string[] = [];
  const note = (what: string) => (stream: StreamInfo, detail?: unknown) =>
    void lines.push(`${what} ${stream.node.id} ${detail === undefined ? "" : JSON.stringify(detail)}`.trim());
  return {
    lines,
    onStreamOpen: note("open"),
    onStreamClose: note("close"),
    onAck: note("ack"),
    onNack: note("nack"),
    onProgress: note("progress"),
  };
}
