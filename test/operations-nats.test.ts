import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { natsServerBinary, projectFolder } from "../setup/paths.js";
import { blocksOf } from "./support/operations-doc.ts";
import { freePorts } from "./support/ports.ts";
import { answers, eventually, makeTemporaryFolder, type Running, startProcess } from "./support/processes.ts";

const folder = makeTemporaryFolder();
const passwords = { process: "change-me-1", "team-a": "change-me-2", reader: "change-me-3" } as const;
const processes: Running[] = [];
let nats: Running;
let natsPort: number;

/** Starts nats-server with the configuration of the document, and a resolver and an xds-server with the rights it gives them. */
beforeAll(async () => {
  const [port, monitor, http, grpc, xds, xdsHttp] = (await freePorts(6)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  natsPort = port;
  const [configuration = ""] = blocksOf("nats");
  const file = join(folder, "nats.conf");
  const here = configuration.replace('"/data"', JSON.stringify(join(folder, "jetstream")));
  writeFileSync(file, `listen: "127.0.0.1:${port}"\nhttp: "127.0.0.1:${monitor}"\n${here}`);
  const binary = natsServerBinary();
  if (!binary) throw new Error("nats-server is not installed: run `npm run setup`");
  nats = await startProcess(binary, ["--config", file], {
    ready: () => answers(`http://127.0.0.1:${monitor}/healthz`),
  });
  const environment = {
    NATS_URL: urlOf("process"),
    SIGNALBOX_DATA: folder,
    RESOLVER_HTTP_PORT: String(http),
    RESOLVER_GRPC_PORT: String(grpc),
    XDS_GRPC_PORT: String(xds),
    XDS_HTTP_PORT: String(xdsHttp),
  };
  for (const [main, readyPort] of [
    ["resolver/main.ts", http],
    ["xds-server/main.ts", xdsHttp],
  ] as const) {
    const ready = () => answers(`http://127.0.0.1:${readyPort}/readyz`);
    processes.push(await startProcess(process.execPath, [join(projectFolder, main)], { environment, ready }));
  }
});

afterAll(async () => {
  for (const running of processes) await running.stop();
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const urlOf = (user: keyof typeof passwords) => `nats://${user}:${passwords[user]}@127.0.0.1:${natsPort}`;

function signalbox(
  user: keyof typeof passwords,
  args: readonly string[],
  input = "",
): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const options = { cwd: projectFolder, env: { ...process.env, NATS_URL: urlOf(user) } };
    const child = execFile(process.execPath, ["cli/main.ts", ...args], options, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}

const shardOf = (namespace: string) => `{
  "apiVersion": "signalbox.dev/v1", "kind": "Shard", "metadata": { "namespace": "${namespace}", "name": "gpu-a" },
  "spec": { "endpoints": [{ "address": "127.0.0.1", "port": 9 }] }
}`;

const refusals = () =>
  nats
    .output()
    .split("\n")
    .filter((line) => /Violation|\[ERR\]/.test(line));

test("the rights that docs/operations.md gives are enough for everybody's work", async () => {
  const applied = await signalbox("team-a", ["apply", "-f", "-"], shardOf("team-a"));
  expect(applied).toMatchObject({ code: 0 });
  const everybodyIsUpToDate = async () => {
    const { code, output } = await signalbox("reader", ["status", "--output", "json"]);
    if (code !== 0) throw new Error(output);
    const { revision, processes: seen } = JSON.parse(output) as {
      revision: number;
      processes: { process: string; revision: number }[];
    };
    return seen.length === 2 && seen.every((each) => each.revision === revision) && revision === 1;
  };
  await eventually("both processes are in the status, with the document", everybodyIsUpToDate, 30_000);
  const read = await signalbox("reader", ["get", "all", "--all-namespaces"]);
  expect(read.output).toContain("gpu-a");
  for (const running of processes) await running.stop();
  expect(refusals()).toEqual([]);
});

test("they are not more than that: nobody publishes for another tenant, and a reader not at all", async () => {
  for (const [user, namespace] of [
    ["team-a", "team-b"],
    ["reader", "team-a"],
    ["process", "team-a"],
  ] as const) {
    const document = shardOf(namespace).replace("gpu-a", "gpu-b");
    const { code, output } = await signalbox(user, ["apply", "-f", "-"], document);
    expect(code, user).toBe(1);
    expect(output).toContain(`$KV.signalbox.shard.${namespace}.gpu-b`);
  }
  expect(refusals().length).toBeGreaterThan(2);
});
