import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTemporaryFolder } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

const folder = makeTemporaryFolder();
const name = "models.example.com";
let routed: RoutedEnvoy;
let upstream: Server;
let own: Certificate;

type Certificate = { readonly key: Buffer; readonly cert: Buffer; readonly certFile: string };

/** A certificate of nobody but itself. */
function certificate(file: string): Certificate {
  const [keyFile, certFile] = [join(folder, `${file}.key`), join(folder, `${file}.pem`)];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  const subject = ["-subj", `/CN=${file}`, "-addext", `subjectAltName=DNS:${name}`];
  execFileSync("openssl", ["req", "-x509", "-days", "2", ...key, ...subject, "-out", certFile], { stdio: "pipe" });
  return { key: readFileSync(keyFile), cert: readFileSync(certFile), certFile };
}

beforeAll(async () => {
  own = certificate("own");
  upstream = createServer(own, (request, response) => {
    request.resume().once("end", () => response.end("from the model"));
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  routed = await startRoutedEnvoy({ folders: [folder] });
});

afterAll(async () => {
  await routed?.stop();
  upstream?.close();
  rmSync(folder, { recursive: true, force: true });
});

type Tls = { readonly serverName?: string; readonly caFile?: string };

/** Publishes a shard of the TLS upstream under a name, sends a request there, and counts failed verifications. */
async function infer(shard: string, tls: Tls): Promise<{ status: number; text: string; refused: number }> {
  await routed.publish([
    sampleShard(shard, [(upstream.address() as AddressInfo).port], { tls }),
    sampleModel(shard, { "1": [shard] }),
    sampleObjective(shard, shard, "1", { policy: { retries: 0 } }),
  ]);
  const response = await fetch(`${routed.url}/infer`, {
    method: "POST",
    headers: { "x-routing-key": `default/${shard}/${shard}@1` },
    body: "hello",
  });
  const stat = (what: string) => routed.envoy.stat(`cluster.default/${shard}.ssl.${what}`);
  const text = await response.text();
  const refused = Number(await stat("fail_verify_error")) + Number(await stat("fail_verify_san"));
  return { status: response.status, text, refused };
}

describe("a shard with TLS", () => {
  test("is reached when its certificate is of the authority and carries the name", async () => {
    expect(await infer("both", { caFile: own.certFile, serverName: name })).toEqual({
      status: 200,
      text: "from the model",
      refused: 0,
    });
  });

  test("needs no name when it has an authority of its own", async () => {
    expect(await infer("authority", { caFile: own.certFile })).toMatchObject({ status: 200, refused: 0 });
  });

  test("is not reached when its certificate carries another name", async () => {
    const { status, text, refused } = await infer("name", { caFile: own.certFile, serverName: "other.example.com" });
    expect([status, JSON.parse(text).error.code, refused]).toEqual([503, "shard_unavailable", 1]);
  });

  test("is not reached when its certificate is of another authority", async () => {
    const { certFile } = certificate("stranger");
    const { status, text, refused } = await infer("stranger", { caFile: certFile, serverName: name });
    expect([status, JSON.parse(text).error.code, refused]).toEqual([503, "shard_unavailable", 1]);
  });

  test.runIf(existsSync("/etc/ssl/certs/ca-certificates.crt"))(
    "is held to the system's authorities when its document names none",
    async () => {
      const { status, text, refused } = await infer("system", { serverName: name });
      expect([status, JSON.parse(text).error.code, refused]).toEqual([503, "shard_unavailable", 1]);
      expect(routed.nacks()).toEqual([]);
    },
  );
});
