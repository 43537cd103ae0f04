import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectStore, type DocumentStore } from "../config/store/document-store.ts";
import { validateDocument } from "../config/validate.ts";
import { renderBootstrap } from "../envoy/bootstrap.ts";
import { readStatuses } from "../rollout/heartbeat.ts";
import type { ProcessStatus } from "../rollout/process-status.ts";
import { projectFolder } from "../setup/paths.js";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { startEnvoy, type TestEnvoy } from "./support/envoy.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { freePorts } from "./support/ports.ts";
import { answers, eventually, makeTemporaryFolder, type Running, startProcess } from "./support/processes.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let folder: string;
let nats: TestNats;
let xdsServer: Running;
let envoy: TestEnvoy;
let upstream: EchoServer;
let store: DocumentStore;
let ports: {
  readonly nats: number;
  readonly xds: number;
  readonly http: number;
  readonly keyed: number;
  readonly admin: number;
};
let natsUrl: string;

function startXdsServer(ready: "healthz" | "readyz" = "readyz"): Promise<Running> {
  return startProcess(process.execPath, [join(projectFolder, "xds-server", "main.ts")], {
    environment: {
      NATS_URL: natsUrl,
      SIGNALBOX_DATA: folder,
      XDS_GRPC_PORT: String(ports.xds),
      XDS_HTTP_PORT: String(ports.http),
      ENVOY_KEYED_PORT: String(ports.keyed),
      XDS_ROUTE_GRACE_MS: "100",
    },
    ready: () => answers(`http://127.0.0.1:${ports.http}/${ready}`),
  });
}

beforeAll(async () => {
  folder = makeTemporaryFolder();
  const [natsPort, xds, http, keyed, admin] = (await freePorts(5)) as [number, number, number, number, number];
  ports = { nats: natsPort, xds, http, keyed, admin };
  natsUrl = `nats://127.0.0.1:${natsPort}`;
  upstream = await startEchoServer();
  nats = await startNats(folder, natsPort);
  xdsServer = await startXdsServer();
  envoy = await startEnvoy(renderBootstrap({ xdsPort: xds, adminPort: admin, nodeId: "envoy-1" }), admin, {
    until: "ready",
  });
  store = await connectStore({ servers: natsUrl });
});

afterAll(async () => {
  await store?.close();
  await envoy?.stop();
  await xdsServer?.stop();
  await nats?.stop();
  await upstream?.stop();
});

async function publish(...documents: readonly unknown[]): Promise<number> {
  const changes = documents.map((given) => {
    const validation = validateDocument(given);
    if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
    return { document: validation.document };
  });
  return (await store.apply(changes)).revision;
}

async function infer(key: string): Promise<Response> {
  const headers = { "x-routing-key": key };
  const response = await fetch(`http://127.0.0.1:${ports.keyed}/infer`, { method: "POST", headers, body: "hello" });
  await response.arrayBuffer();
  return response;
}

async function status(): Promise<ProcessStatus> {
  const response = await fetch(`http://127.0.0.1:${ports.http}/v1/status`);
  return (await response.json()) as ProcessStatus;
}

describe("the xds-server", () => {
  test("makes Envoy ready, and an Envoy without documents answers in JSON", async () => {
    const response = await infer("default/ranking/ranker@1");
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toBe("application/json");
  });

  test("brings a published batch to Envoy, and reports the revision once Envoy has acknowledged it", async () => {
    const revision = await publish(
      sampleShard("pool", [upstream.http1Port]),
      sampleModel("ranker", { "1": ["pool"], "2": ["pool"] }),
      sampleObjective("ranking", "ranker", "1"),
    );
    await eventually("the acknowledged revision", async () =>
      (await status()).envoys?.some((each) => each.nodeId === "envoy-1" && each.acknowledgedRevision === revision),
    );
    const response = await infer("default/ranking/ranker@2");
    expect(response.status).toBe(200);
    expect(response.headers.get("x-signalbox-revision")).toBe(String(revision));
  });

  test("publishes the same status as its heartbeat", async () => {
    const known = await eventually("the heartbeat", async () =>
      (await readStatuses({ servers: natsUrl })).find(
        (each) => each.process === "xds-server" && each.envoys?.[0]?.acknowledgedRevision === each.revision,
      ),
    );
    expect(known).toMatchObject({ connectedToStore: true, rejections: [], envoys: [{ nodeId: "envoy-1", nacks: [] }] });
  });

  test("takes a deleted objective away from Envoy", async () => {
    await publish(sampleObjective("passing", "ranker", "1", { policy: { ttlMs: 100 } }));
    await eventually("the routes", async () => (await infer("default/passing/ranker@1")).status === 200);
    await store.apply([{ delete: { kind: "Objective", namespace: "default", name: "passing" } }]);
    await eventually("no routes", async () => (await infer("default/passing/ranker@1")).status === 404);
    expect((await infer("default/ranking/ranker@1")).status).toBe(200);
  });

  test("serves metrics of what it served", async () => {
    const text = await (await fetch(`http://127.0.0.1:${ports.http}/metrics`)).text();
    expect(text).toMatch(/^signalbox_xds_envoys 1$/m);
    expect(text).toMatch(/^signalbox_xds_resources\{type="RouteConfiguration"\} 1$/m);
    expect(text).toMatch(/^signalbox_xds_acks_total\{type="Cluster"\} [1-9]/m);
    expect(text).not.toMatch(/^signalbox_xds_nacks_total\{/m);
    expect(text).toMatch(/^signalbox_documents_stale_seconds 0$/m);
    const { revision } = await status();
    expect(text).toMatch(new RegExp(`^signalbox_documents_revision ${revision}$`, "m"));
    expect(text).toMatch(new RegExp(`^signalbox_xds_acknowledged_revision ${revision}$`, "m"));
  });

  test("killed, leaves Envoy routing; started again without NATS, it serves its last good documents", async () => {
    await eventually("a snapshot on disk", async () => (await status()).staleSince === undefined);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await xdsServer.stop("SIGKILL");
    await nats.stop("SIGKILL");
    expect((await infer("default/ranking/ranker@1")).status).toBe(200);
    const changesBefore = await envoy.stat("cluster_manager.cluster_modified");
    xdsServer = await startXdsServer();
    await eventually("Envoy back", async () => (await status()).envoys?.length === 1);
    expect((await infer("default/ranking/ranker@2")).status).toBe(200);
    expect(await envoy.stat("cluster_manager.cluster_modified")).toBe(changesBefore);
    expect((await status()).staleSince).toBeDefined();
    nats = await startNats(folder, ports.nats);
    await eventually("the store again", async () => (await status()).staleSince === undefined);
  });

  test("ends by SIGTERM with code 0", async () => {
    await xdsServer.stop();
    expect(await xdsServer.ended).toBe(0);
    expect((await infer("default/ranking/ranker@1")).status).toBe(200);
  });

  test("refuses to start on wrong settings, naming all of them at once", async () => {
    const failing = await startProcess(process.execPath, [join(projectFolder, "xds-server", "main.ts")], {
      environment: {
        XDS_GRPC_PORT: "none",
        ENVOY_KEYED_PORT: "0",
        ENVOY_ACCESS_LOG: "somewhere",
        SIGNALBOX_DATA: folder,
      },
    });
    expect(await failing.ended).toBe(1);
    for (const variable of ["XDS_GRPC_PORT", "ENVOY_KEYED_PORT", "ENVOY_ACCESS_LOG"]) {
      expect(failing.output()).toContain(variable);
    }
  });
});
