import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProcessStatus } from "../rollout/process-status.ts";
import { projectFolder } from "../setup/paths.js";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { type GrpcXdsClient, grpcLibraries, missingReason, startGrpcXdsClient } from "./support/grpc-clients.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { freePorts } from "./support/ports.ts";
import { answers, eventually, makeTemporaryFolder, type Running, startProcess } from "./support/processes.ts";
import { publishDocuments } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let folder: string;
let nats: TestNats;
let xdsServer: Running;
let xdsPort: number;
let httpPort: number;
let hosts: readonly [EchoServer, EchoServer];

beforeAll(async () => {
  folder = makeTemporaryFolder();
  [xdsPort, httpPort] = (await freePorts(2)) as [number, number];
  hosts = [await startEchoServer({ name: "A" }), await startEchoServer({ name: "B" })];
  nats = await startNats(folder);
  xdsServer = await startProcess(process.execPath, [join(projectFolder, "xds-server", "main.ts")], {
    environment: {
      NATS_URL: nats.url,
      SIGNALBOX_DATA: folder,
      XDS_GRPC_PORT: String(xdsPort),
      XDS_HTTP_PORT: String(httpPort),
    },
    ready: () => answers(`http://127.0.0.1:${httpPort}/readyz`),
  });
});

afterAll(async () => {
  await xdsServer?.stop();
  await nats?.stop();
  await Promise.all((hosts ?? []).map((host) => host.stop()));
});

async function nodeStatus(nodeId: string) {
  const response = await fetch(`http://127.0.0.1:${httpPort}/v1/status`);
  const { envoys = [] } = (await response.json()) as ProcessStatus;
  return envoys.find((each) => each.nodeId === nodeId);
}

/** An objective of its own for each test, over two gRPC shards; version 1 is on A, 2 on B, and 3 on HTTP. */
function documents(objective: string, spec: Parameters<typeof sampleObjective>[3] = {}) {
  const [a, b] = hosts;
  return [
    sampleShard("grpc-a", [a.grpcPort], { protocol: "grpc" }),
    sampleShard("grpc-b", [b.grpcPort], { protocol: "grpc" }),
    sampleShard("rest", [a.http1Port]),
    sampleModel(`${objective}-model`, { "1": ["grpc-a"], "2": ["grpc-b"], "3": ["rest"] }),
    sampleObjective(objective, `${objective}-model`, "1", spec),
  ];
}

describe.each(grpcLibraries.map((library, index) => ({ ...library, id: `client-${index}` })))(
  "$title as an xDS client",
  (library) => {
    const reason = missingReason(library);
    if (reason) console.warn(reason);

    async function withClient(objective: string, use: (client: GrpcXdsClient, nodeId: string) => Promise<void>) {
      const nodeId = `${library.id}-${objective}`;
      const client = startGrpcXdsClient(library, { name: `${objective}.default`, xdsPort, nodeId, folder });
      try {
        await use(client, nodeId);
      } finally {
        await client.stop();
      }
    }

    test.skipIf(reason)("goes where the routing key says, and to the default without one it knows", async () => {
      const objective = `keys-${library.id}`;
      const revision = await publishDocuments(nats.url, documents(objective));
      await withClient(objective, async (client, nodeId) => {
        const key = (version: string) => `default/${objective}/${objective}-model@${version}`;
        expect(await client.call()).toEqual({ server: "A", code: status.OK });
        expect(await client.call(key("1"))).toEqual({ server: "A", code: status.OK });
        expect(await client.call(key("2"))).toEqual({ server: "B", code: status.OK });
        expect(await client.call(key("99"))).toEqual({ server: "A", code: status.OK });
        await eventually(
          "all is acknowledged",
          async () => (await nodeStatus(nodeId))?.acknowledgedRevision === revision,
        );
        expect((await nodeStatus(nodeId))?.nacks).toEqual([]);
      });
    });

    test.skipIf(reason)("follows a version to another shard without a failed call", async () => {
      const objective = `moving-${library.id}`;
      const key = `default/${objective}/${objective}-model@2`;
      await publishDocuments(nats.url, documents(objective));
      await withClient(objective, async (client) => {
        expect(await client.call(key)).toEqual({ server: "B", code: status.OK });
        await publishDocuments(nats.url, [sampleModel(`${objective}-model`, { "1": ["grpc-a"], "2": ["grpc-a"] })]);
        const codes = new Set<number>();
        await eventually("calls arrive at A", async () => {
          const { server, code } = await client.call(key);
          codes.add(code);
          return server === "A";
        });
        expect([...codes]).toEqual([status.OK]);
      });
    });

    test.skipIf(reason)("is refused an unknown key where the objective says so", async () => {
      const objective = `strict-${library.id}`;
      await publishDocuments(nats.url, documents(objective, { policy: { onUnknownKey: "reject" } }));
      await withClient(objective, async (client) => {
        expect((await client.call(`default/${objective}/${objective}-model@1`)).server).toBe("A");
        expect(await client.call("default/other/key@1")).toEqual({ server: "-", code: status.UNAVAILABLE });
      });
    });
  },
);
