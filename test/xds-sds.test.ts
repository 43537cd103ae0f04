import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderBootstrap } from "../envoy/bootstrap.ts";
import type { ProcessStatus } from "../rollout/process-status.ts";
import { projectFolder } from "../setup/paths.js";
import { type Authority, type Certificate, makeAuthority, replaceFile } from "./support/certificates.ts";
import { startEnvoy, type TestEnvoy } from "./support/envoy.ts";
import { natsForFile } from "./support/nats.ts";
import { freePorts } from "./support/ports.ts";
import { answers, eventually, makeTemporaryFolder, type Running, startProcess } from "./support/processes.ts";
import { publishDocuments } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

const nats = natsForFile();
const slow = 60_000;
const hostName = "models.example.com";

let folder: string;
let clients: Authority;
let upstream: Server;
let xdsServer: Running;
let envoy: TestEnvoy;
let ports: { readonly xds: number; readonly http: number; readonly keyed: number; readonly admin: number };

beforeAll(async () => {
  folder = makeTemporaryFolder();
  clients = makeAuthority(folder, "clients");
  const [xds, http, keyed, admin] = (await freePorts(4)) as [number, number, number, number];
  ports = { xds, http, keyed, admin };
  upstream = await startUpstream(hosts(makeAuthority(folder, "hosts")));
  writeSecret("models", { client: clients.issue("client-1", {}), caFile: join(folder, "hosts.pem") });
  xdsServer = await startXdsServer();
  const bootstrap = renderBootstrap({ xdsPort: xds, adminPort: admin, nodeId: "envoy-1" });
  envoy = await startEnvoy(bootstrap, admin, { until: "ready", readyTimeoutMs: slow });
});

afterAll(async () => {
  await envoy?.stop();
  await xdsServer?.stop();
  upstream?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A model server that answers with the common name of its client's certificate, which has to be of the right authority. */
async function startUpstream({ certFile, keyFile }: Certificate): Promise<Server> {
  const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile), ca: readFileSync(clients.caFile) };
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject;
    // The next request is the next handshake.
    request.resume().once("end", () => response.setHeader("connection", "close").end(String(CN)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const hosts = (authority: Authority) => authority.issue("host", { dns: [hostName] });
const port = () => (upstream.address() as AddressInfo).port;
const secrets = () => join(folder, "secrets");

function writeSecret(name: string, { client, caFile }: { client?: Certificate; caFile?: string }): void {
  const own = join(secrets(), "default", name);
  mkdirSync(own, { recursive: true });
  if (client) replaceFile(join(own, "tls.key"), readFileSync(client.keyFile));
  if (client) replaceFile(join(own, "tls.crt"), readFileSync(client.certFile));
  if (caFile) replaceFile(join(own, "ca.crt"), readFileSync(caFile));
}

function startXdsServer(): Promise<Running> {
  return startProcess(process.execPath, [join(projectFolder, "xds-server", "main.ts")], {
    environment: {
      NATS_URL: nats.url,
      SIGNALBOX_DATA: folder,
      XDS_GRPC_PORT: String(ports.xds),
      XDS_HTTP_PORT: String(ports.http),
      ENVOY_KEYED_PORT: String(ports.keyed),
      ENVOY_ACCESS_LOG: "off",
      XDS_SDS_FOLDER: secrets(),
    },
    ready: () => answers(`http://127.0.0.1:${ports.http}/readyz`),
    readyTimeoutMs: slow,
  });
}

function publish(name: string, tls: object): Promise<number> {
  return publishDocuments(nats.url, [
    sampleShard(name, [port()], { tls }),
    sampleModel(name, { "1": [name] }),
    sampleObjective(name, name, "1", { policy: { retries: 0 } }),
  ]);
}

/** What the host says of its client, or the status when it is not reached. */
async function infer(name: string): Promise<string | number> {
  const headers = { "x-routing-key": `default/${name}/${name}@1` };
  const response = await fetch(`http://127.0.0.1:${ports.keyed}/infer`, { method: "POST", headers, body: "hello" });
  const text = await response.text();
  return response.status === 200 ? text : response.status;
}

async function status(): Promise<ProcessStatus> {
  return (await (await fetch(`http://127.0.0.1:${ports.http}/v1/status`)).json()) as ProcessStatus;
}

describe("a shard whose TLS material is a secret of the xds-servers", () => {
  test("is reached with the client certificate and the authorities of the secret", async () => {
    await publish("both", { serverName: hostName, caSecret: "models", clientSecret: "models" });
    await eventually("an answer", async () => (await infer("both")) === "client-1", slow);
  });

  test("is not reached when its own certificate carries another name", async () => {
    await publish("name", { serverName: "other.example.com", caSecret: "models", clientSecret: "models" });
    await eventually("the routes", async () => (await infer("name")) === 503, slow);
    expect(await envoy.stat("cluster.default/name.ssl.fail_verify_san")).toBeGreaterThan(0);
  });

  test("is shown the new certificate when the files change, and so are the authorities, while Envoy runs on", async () => {
    writeSecret("models", { client: clients.issue("client-2", {}) });
    await eventually("the new certificate", async () => (await infer("both")) === "client-2", slow);
    const used = port();
    await new Promise((resolve) => upstream.close(resolve));
    upstream = await startUpstream(hosts(makeAuthority(folder, "new-hosts")));
    expect(port()).not.toBe(used);
    await publish("both", { serverName: hostName, caSecret: "models", clientSecret: "models" });
    const isTurnedAway = async () => {
      await infer("both");
      return (await envoy.stat("cluster.default/both.ssl.fail_verify_error")) > 0;
    };
    await eventually("a stranger", isTurnedAway, slow);
    writeSecret("models", { caFile: join(folder, "new-hosts.pem") });
    await eventually("the new authority", async () => (await infer("both")) === "client-2", slow);
    expect((await status()).envoys?.[0]?.nacks).toEqual([]);
  });

  test("goes on with the last good certificate when a new one is not usable", async () => {
    replaceFile(join(secrets(), "default", "models", "tls.key"), "no key");
    const failing = /^signalbox_xds_files_failing 1$/m;
    const metrics = async () => await (await fetch(`http://127.0.0.1:${ports.http}/metrics`)).text();
    await eventually("the metric", async () => failing.test(await metrics()), slow);
    expect(await infer("both")).toBe("client-2");
    writeSecret("models", { client: clients.issue("client-3", {}) });
    await eventually("a good one", async () => (await infer("both")) === "client-3", slow);
    expect(await metrics()).toMatch(/^signalbox_xds_files_failing 0$/m);
    expect(await metrics()).toMatch(/^signalbox_xds_secret_expiry_timestamp_seconds \d+$/m);
  });

  test("waits for its secret, says so, and is taken when the secret comes", async () => {
    await publish("late", { serverName: hostName, caSecret: "models", clientSecret: "late" });
    const reason = "secret default/late (tls.crt, tls.key) is not among the secrets of this xds-server";
    const rejection = await eventually(
      "the rejection",
      async () => (await status()).rejections.find(({ key }) => key === "shard.default.late"),
      slow,
    );
    expect(rejection.problems[0]).toMatchObject({ path: "spec.tls", message: reason });
    expect(await infer("late")).toBe(404);
    writeSecret("late", { client: clients.issue("late-client", {}) });
    await eventually("an answer", async () => (await infer("late")) === "late-client", slow);
    await eventually("no rejection", async () => (await status()).rejections.length === 0, slow);
  });

  test("is reached as before when an xds-server starts again and does not find the secret", async () => {
    const away = join(folder, "away");
    mkdirSync(away);
    for (const file of ["tls.crt", "tls.key"]) copyFileSync(join(secrets(), "default", "late", file), join(away, file));
    rmSync(join(secrets(), "default", "late"), { recursive: true });
    await xdsServer.stop();
    xdsServer = await startXdsServer();
    const isBack = async () => ((await status()).envoys?.[0]?.acknowledgedRevision ?? 0) > 0;
    await eventually("Envoy is back", isBack, slow);
    expect((await status()).rejections.map(({ key }) => key)).toEqual(["shard.default.late"]);
    expect([await infer("late"), await infer("both")]).toEqual(["late-client", "client-3"]);
    writeSecret("late", { client: { certFile: join(away, "tls.crt"), keyFile: join(away, "tls.key") } });
    await eventually("no rejection", async () => (await status()).rejections.length === 0, slow);
    expect(await infer("late")).toBe("late-client");
  });

  test("keeps its key out of logs, status, metrics and Envoy's admin page", async () => {
    const key = readFileSync(join(secrets(), "default", "models", "tls.key"), "utf8").split("\n")[1] ?? "";
    expect(key.length).toBeGreaterThan(40);
    const texts = await Promise.all(
      ["v1/status", "metrics", "readyz"].map(async (path) =>
        (await fetch(`http://127.0.0.1:${ports.http}/${path}`)).text(),
      ),
    );
    const dump = await envoy.admin("/config_dump");
    expect(dump).toContain("default/both/client");
    for (const text of [...texts, dump, xdsServer.output(), envoy.output()]) expect(text).not.toContain(key);
  });
});
