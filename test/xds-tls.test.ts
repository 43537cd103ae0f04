import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { renderBootstrap, renderXdsSecrets } from "../envoy/bootstrap.ts";
import type { EnvoyStatus, ProcessStatus } from "../rollout/process-status.ts";
import { envoyBinary, envoyVersion, projectFolder } from "../setup/paths.js";
import {
  type Authority,
  type Certificate,
  makeAuthority,
  replaceCertificate,
  replaceFile,
} from "./support/certificates.ts";
import { startEnvoy, type TestEnvoy } from "./support/envoy.ts";
import { envoyVersions, missingEnvoyReason } from "./support/envoy-versions.ts";
import { grpcLibraries, missingReason, startGrpcXdsClient } from "./support/grpc-clients.ts";
import { natsForFile } from "./support/nats.ts";
import { freePort, freePorts } from "./support/ports.ts";
import { answers, eventually, makeTemporaryFolder, type Running, startProcess } from "./support/processes.ts";
import { publishDocuments } from "./support/publish.ts";

import { inNamespace, sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

const nats = natsForFile();
const serverName = "xds.example.org";
const spiffe = (path: string) => `spiffe://example.org/${path}`;
const slow = 60_000;

let folder: string;
let authority: Authority;
let server: Certificate;
let clientCaFile: string;
let identitiesFile: string;
let ports: { readonly xds: number; readonly http: number };
let xdsServer: Running;
/** A host that takes connections, which is all that is asked of it. */
const shard = createServer();

const identities = `
- identity: ${spiffe("edge-a")}
  namespaces: [a]
- identity: ${spiffe("rotated/*")}
  namespaces: "*"
- identity: "*.edge.example.org"
  namespaces: [a, b]
`;

beforeAll(async () => {
  await new Promise<void>((resolve) => shard.listen(0, "127.0.0.1", resolve));
  folder = makeTemporaryFolder();
  authority = makeAuthority(folder);
  server = authority.issue("server", { dns: [serverName, "localhost"] });
  clientCaFile = join(folder, "client-ca.pem");
  copyFileSync(authority.caFile, clientCaFile);
  identitiesFile = join(folder, "identities.yaml");
  writeFileSync(identitiesFile, identities);
  const [xds, http, keyed] = (await freePorts(3)) as [number, number, number];
  ports = { xds, http };
  xdsServer = await startProcess(process.execPath, [join(projectFolder, "xds-server", "main.ts")], {
    environment: {
      NATS_URL: nats.url,
      SIGNALBOX_DATA: folder,
      XDS_GRPC_PORT: String(xds),
      XDS_HTTP_PORT: String(http),
      ENVOY_KEYED_PORT: String(keyed),
      ENVOY_ACCESS_LOG: "off",
      XDS_TLS_CERT_FILE: server.certFile,
      XDS_TLS_KEY_FILE: server.keyFile,
      XDS_TLS_CLIENT_CA_FILE: clientCaFile,
      XDS_IDENTITIES_FILE: identitiesFile,
      // Envoys come back often, so that new files are used soon.
      XDS_MAX_CONNECTION_AGE_MS: "3000",
    },
    ready: () => answers(`http://127.0.0.1:${http}/readyz`),
    readyTimeoutMs: slow,
  });
  await publishDocuments(
    nats.url,
    ["a", "b"].flatMap((namespace) =>
      [
        sampleShard("pool", [(shard.address() as AddressInfo).port]),
        sampleModel("ranker", { "1": ["pool"] }),
        sampleObjective("ranking", "ranker", "1"),
      ].map((document) => inNamespace(namespace, document)),
    ),
  );
});

afterAll(async () => {
  await xdsServer?.stop();
  shard.close();
  rmSync(folder, { recursive: true, force: true });
});

type Connection = {
  readonly certificate?: Certificate;
  readonly caFile?: string;
  readonly serverName?: string;
  readonly namespaces?: readonly string[];
  readonly until?: "live" | "ready";
  readonly version?: string;
};

/** An Envoy on that xds-server, which ends with the test. */
async function envoyForTest(nodeId: string, connection: Connection): Promise<TestEnvoy> {
  const adminPort = await freePort();
  const secretsFolder = join(folder, nodeId);
  mkdirSync(secretsFolder);
  const xdsTls = {
    caFile: connection.caFile ?? authority.caFile,
    serverName: connection.serverName ?? serverName,
    secretsFolder,
    ...connection.certificate,
  };
  for (const [file, text] of Object.entries(renderXdsSecrets(xdsTls))) writeFileSync(join(secretsFolder, file), text);
  const settings = connection.namespaces === undefined ? {} : { namespaces: connection.namespaces };
  const bootstrap = renderBootstrap({ xdsPort: ports.xds, adminPort, nodeId, xdsTls, ...settings });
  const { until = "live", version = envoyVersion } = connection;
  const envoy = await startEnvoy(bootstrap, adminPort, { folders: [folder], until, version, readyTimeoutMs: slow });
  onTestFinished(() => envoy.stop());
  return envoy;
}

async function envoyStatus(nodeId: string): Promise<EnvoyStatus | undefined> {
  const response = await fetch(`http://127.0.0.1:${ports.http}/v1/status`);
  return ((await response.json()) as ProcessStatus).envoys?.find((each) => each.nodeId === nodeId);
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${ports.http}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length));
}

/** The routes that an Envoy has, by objective. */
async function objectivesOf(envoy: TestEnvoy): Promise<string[]> {
  const dump = await envoy.admin("/config_dump?resource=dynamic_route_configs");
  return [...dump.matchAll(/"name": "([ab]\/\w+)"/g)]
    .map((match) => match[1] ?? "")
    .filter((name, n, all) => all.indexOf(name) === n)
    .sort();
}

describe("an Envoy with a certificate", () => {
  describe.each(envoyVersions)("(Envoy %s)", (version) => {
    test.skipIf(missingEnvoyReason(version))("is served what its SPIFFE id may read, and shown with it", async () => {
      const certificate = authority.issue("edge-a", { uris: [spiffe("edge-a")], dns: ["elsewhere.example.org"] });
      const nodeId = `by-spiffe-${version}`;
      const envoy = await envoyForTest(nodeId, { certificate, until: "ready", version });
      await eventually("its routes", async () => (await objectivesOf(envoy)).length > 0, slow);
      expect(await objectivesOf(envoy)).toEqual(["a/ranking"]);
      const shown = await eventually("its status", () => envoyStatus(nodeId), slow);
      expect(shown.group).toBe("envoys namespaces=a");
      expect(shown.identity?.split(", ").sort()).toEqual(["elsewhere.example.org", spiffe("edge-a")]);
    });
  });

  test("is served what its DNS name may read, as far as it asks for it", async () => {
    const certificate = authority.issue("one", { dns: ["one.edge.example.org"] });
    const all = await envoyForTest("by-dns", { certificate, until: "ready" });
    const some = await envoyForTest("by-dns-b", { certificate, namespaces: ["b"], until: "ready" });
    await eventually("all routes", async () => (await objectivesOf(all)).length === 2, slow);
    await eventually("some routes", async () => (await objectivesOf(some)).length === 1, slow);
    expect(await objectivesOf(some)).toEqual(["b/ranking"]);
  });

  test("that asks for a namespace it may not read is refused, with the reason", async () => {
    const before = await metric('signalbox_xds_nodes_refused_total{reason="namespace_denied"}');
    const certificate = authority.issue("edge-a", { uris: [spiffe("edge-a")] });
    await envoyForTest("greedy", { certificate, namespaces: ["a", "b"] });
    const reason = `node \\"greedy\\" (${spiffe("edge-a")}) asks for b, and may read a`;
    await eventually("the log", () => xdsServer.output().includes(reason), slow);
    expect(await metric('signalbox_xds_nodes_refused_total{reason="namespace_denied"}')).toBeGreaterThan(before);
    expect(await envoyStatus("greedy")).toBeUndefined();
  });

  test.each([
    ["nobody", { uris: [spiffe("nobody")] }, spiffe("nobody")],
    ["nameless", {}, "a certificate without a SPIFFE id or DNS name"],
  ])("that no rule is for is refused: %s", async (nodeId, names, who) => {
    const certificate = authority.issue(nodeId, names);
    await envoyForTest(nodeId, { certificate });
    const reason = `node \\"${nodeId}\\": no rule of the identities file is for ${who}`;
    await eventually("the log", () => xdsServer.output().includes(reason), slow);
    expect(await metric('signalbox_xds_nodes_refused_total{reason="unknown_identity"}')).toBeGreaterThan(0);
    expect(await envoyStatus(nodeId)).toBeUndefined();
  });
});

const python = grpcLibraries.find(({ title }) => title.startsWith("grpcio"));

test.skipIf(python === undefined || missingReason(python) !== null)(
  "a gRPC client without an Envoy is let in by its certificate, too",
  async () => {
    if (!python) return;
    const { certFile, keyFile } = authority.issue("client", { uris: [spiffe("edge-a")] });
    const config = { ca_certificate_file: authority.caFile, certificate_file: certFile, private_key_file: keyFile };
    const client = startGrpcXdsClient(python, {
      ...{ name: "ranking.a", xdsPort: ports.xds, nodeId: "grpc", folder },
      channelCreds: { type: "tls", config },
    });
    onTestFinished(() => client.stop());
    // Nothing answers the call itself; it has the client connect.
    void client.call().catch(() => undefined);
    const status = await eventually("its status", () => envoyStatus("grpc"), slow);
    expect(status).toMatchObject({ group: "grpc-clients namespaces=a", identity: spiffe("edge-a") });
  },
);

describe("an Envoy that is not let in", () => {
  const edge = { uris: [spiffe("edge-a")] };
  const failures = (reason: string) => metric(`signalbox_xds_tls_handshake_failures_total{reason="${reason}"}`);

  test.each([
    ["of-a-stranger", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", () => makeAuthority(folder, "stranger").issue("edge-a", edge)],
    ["expired", "CERT_HAS_EXPIRED", () => authority.issue("edge-a", edge, -1)],
    ["without-one", "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", () => undefined],
  ])("its certificate is %s", async (nodeId, reason, make) => {
    const certificate = make();
    await envoyForTest(nodeId, certificate ? { certificate } : {});
    await eventually("a failed handshake", async () => (await failures(reason)) > 0, slow);
    await eventually("the log", () => xdsServer.output().includes(`"reason":"${reason}"`), slow);
    expect(await envoyStatus(nodeId)).toBeUndefined();
  });

  test("is one that turns the xds-server away: of another authority, of another name", async () => {
    const certificate = authority.issue("edge-a", edge);
    const caFile = makeAuthority(folder, "other").caFile;
    const [another, wrongName] = [
      await envoyForTest("other-authority", { certificate, caFile }),
      await envoyForTest("other-name", { certificate, serverName: "somebody.example.org" }),
    ];
    await eventually(
      "no authority",
      async () => (await another.stat("cluster.xds_server.ssl.fail_verify_error")) > 0,
      slow,
    );
    await eventually("no name", async () => (await wrongName.stat("cluster.xds_server.ssl.fail_verify_san")) > 0, slow);
    expect(await envoyStatus("other-authority")).toBeUndefined();
  });
});

describe("files that change", () => {
  /** The common name that the xds-server shows to who connects now. */
  const shownBy = (certificate: Certificate) =>
    new Promise<string>((resolve, reject) => {
      const socket = connectTls({
        ...{ host: "127.0.0.1", port: ports.xds, servername: serverName, rejectUnauthorized: false },
        ...{ cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) },
      });
      socket.once("secureConnect", () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once("error", reject);
    });

  test("a right that is taken away ends the streams at once, and one that is given back is used", async () => {
    const certificate = authority.issue("edge-a", { uris: [spiffe("edge-a")] });
    await envoyForTest("loses", { certificate, until: "ready" });
    await eventually("its status", () => envoyStatus("loses"), slow);
    replaceFile(identitiesFile, identities.replace(spiffe("edge-a"), spiffe("somebody-else")));
    await eventually("it is gone", async () => (await envoyStatus("loses")) === undefined, slow);
    const reason = `node \\"loses\\": no rule of the identities file is for ${spiffe("edge-a")}`;
    await eventually("why", () => xdsServer.output().includes(reason), slow);
    replaceFile(identitiesFile, identities.replace("namespaces: [a]", "namespaces: [a, b]"));
    const back = await eventually("it is back", () => envoyStatus("loses"), slow);
    expect(back.group).toBe("envoys namespaces=a,b");
    replaceFile(identitiesFile, identities);
    await eventually("it has less", async () => (await envoyStatus("loses"))?.group === "envoys namespaces=a", slow);
  });

  test("that cannot be used leave the last good ones in use, with a metric and a log line", async () => {
    const certificate = authority.issue("edge-a", { uris: [spiffe("edge-a")] });
    const good = readFileSync(server.keyFile);
    replaceFile(identitiesFile, "- identity: not one\n");
    replaceFile(server.keyFile, readFileSync(certificate.keyFile));
    await eventually("both fail", async () => (await metric("signalbox_xds_files_failing")) === 2, slow);
    for (const reason of [
      `${server.keyFile} is not the key of the certificate in ${server.certFile}`,
      `${identitiesFile}:1: identity must be a SPIFFE id`,
    ])
      await eventually("the log", () => xdsServer.output().includes(reason), slow);
    expect(await shownBy(certificate)).toBe("server");
    replaceFile(server.keyFile, good);
    replaceFile(identitiesFile, identities);
    await eventually("none fails", async () => (await metric("signalbox_xds_files_failing")) === 0, slow);
  });

  test("certificates and authorities of both sides are replaced without a restart of either", async () => {
    const certificate = authority.issue("edge", { uris: [spiffe("rotated/before")] });
    const caFile = join(folder, "rotating-ca.pem");
    copyFileSync(authority.caFile, caFile);
    const envoy = await envoyForTest("rotates", { certificate, caFile, until: "ready" });
    await eventually("its status", () => envoyStatus("rotates"), slow);
    const next = makeAuthority(folder, "next");
    // As a careful operator does: both sides trust both authorities before either side shows a certificate of the new one.
    const both = Buffer.concat([readFileSync(authority.caFile), readFileSync(next.caFile)]);
    replaceFile(caFile, both);
    replaceFile(clientCaFile, both);
    replaceCertificate(server, next.issue("server-2", { dns: [serverName] }));
    replaceCertificate(certificate, next.issue("edge-2", { uris: [spiffe("rotated/after")] }));
    await eventually("the new server certificate", async () => (await shownBy(certificate)) === "server-2", slow);
    replaceFile(caFile, readFileSync(next.caFile));
    replaceFile(clientCaFile, readFileSync(next.caFile));
    const after = () => envoyStatus("rotates").then((status) => status?.identity === spiffe("rotated/after"));
    await eventually("the new client certificate", after, slow);
    expect(await envoy.stat("server.live")).toBe(1);
    expect(await metric("signalbox_xds_files_failing")).toBe(0);
    expect(await metric("signalbox_xds_certificate_expiry_timestamp_seconds")).toBeGreaterThan(Date.now() / 1000);
  });
});

describe("docs/xds.md", () => {
  const text = readFileSync(join(projectFolder, "docs", "xds.md"), "utf8");
  const [, chapter = ""] = text.split("## TLS, and who may read what");
  const [makeCertificates = "", startServer = "", startEnvoyBlock = ""] = [
    ...chapter.matchAll(/^```sh\n([\s\S]*?)^```/gm),
  ].map((match) => match[1] ?? "");

  test("makes certificates and settings with which an Envoy is served", async () => {
    const work = join(folder, "documented");
    mkdirSync(work);
    for (const part of [
      "xds-server",
      "envoy",
      "service",
      "config",
      "rollout",
      "selection",
      "proto",
      "package.json",
      "node_modules",
    ])
      symlinkSync(join(projectFolder, part), join(work, part));
    execFileSync("sh", ["-c", makeCertificates], { cwd: work, stdio: "pipe" });
    const [xds, http, keyed, adminPort] = (await freePorts(4)) as [number, number, number, number];
    const documented = await startProcess("sh", ["-c", `exec env ${startServer}`], {
      folder: work,
      environment: {
        PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
        ...{ NATS_URL: nats.url, SIGNALBOX_DATA: join(work, "data"), ENVOY_ACCESS_LOG: "off" },
        ...{ XDS_GRPC_PORT: String(xds), XDS_HTTP_PORT: String(http), ENVOY_KEYED_PORT: String(keyed) },
      },
      ready: () => answers(`http://127.0.0.1:${http}/readyz`),
      readyTimeoutMs: slow,
    });
    onTestFinished(() => documented.stop());
    const binary = envoyBinary(envoyVersion);
    if (!binary) return;
    const envoy = await startProcess("sh", ["-c", `exec env ${startEnvoyBlock.trim()} --disable-hot-restart`], {
      folder: work,
      environment: {
        ...{ ENVOY_BIN: binary, ENVOY_BOOTSTRAP: join(work, "bootstrap.yaml"), ENVOY_ADMIN_PORT: String(adminPort) },
        ...{ XDS_ADDRESSES: `127.0.0.1:${xds}`, LOG_LEVEL: "warn" },
      },
      ready: () => answers(`http://127.0.0.1:${adminPort}/ready`),
      readyTimeoutMs: slow,
    });
    onTestFinished(() => envoy.stop());
    const status = await (await fetch(`http://127.0.0.1:${http}/v1/status`)).json();
    expect((status as ProcessStatus).envoys).toMatchObject([
      { nodeId: "edge-1", group: "envoys namespaces=shared,team-a", identity: spiffe("edge/team-a") },
    ]);
  });
});

test("no private key is in the log or the status", async () => {
  const status = await (await fetch(`http://127.0.0.1:${ports.http}/v1/status`)).text();
  const secret = readFileSync(server.keyFile, "utf8").split("\n")[1] ?? "";
  expect(secret.length).toBeGreaterThan(40);
  expect(xdsServer.output() + status).not.toContain(secret);
  expect(xdsServer.output() + status).not.toContain("PRIVATE KEY");
});
