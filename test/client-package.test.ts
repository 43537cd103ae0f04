import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { projectFolder } from "../setup/paths.js";
import { type CellPlatform, startCellPlatform } from "./support/cell-platform.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { makeTemporaryFolder } from "./support/processes.ts";
import { fromLabExperiment, publish, type ResolverWorld, startResolverWorld } from "./support/resolver.ts";

/** Another package's program: it knows Signalbox by its exports only. */
const program = `
import { createSignalbox, SignalboxClientError } from "signalbox/client";
import { defineObjective } from "signalbox/config";

const [httpUrl, grpcUrl, natsUrl, snapshotFolder, cellsUrl] = process.argv.slice(2);
const context = { userId: "u1", device: "kiosk", country: "FR" };
const answers = {};
for (const [name, options] of Object.entries({
  http: { resolverUrl: httpUrl },
  grpc: { resolverUrl: grpcUrl },
  local: { nats: natsUrl, snapshotFolder },
  cells: { nats: natsUrl, snapshotFolder, cells: async () => ["from-lab=control"] },
  cellsByUrl: { nats: natsUrl, snapshotFolder, cells: { source: cellsUrl, timeoutMs: 20000 } },
})) {
  const client = createSignalbox({ ...options, timeoutMs: 20000 });
  const { source, ...answer } = await client.resolve("ranking", context);
  answers[name] = answer;
  await client.close();
}
try {
  createSignalbox({});
} catch (error) {
  answers.refused = error instanceof SignalboxClientError && error.code;
}
const metadata = { name: "ranking" };
const spec = { default: { model: "ranker", version: "7" } };
answers.defined = defineObjective({ apiVersion: "signalbox.dev/v1", kind: "Objective", metadata, spec }).spec.unit;
console.log(JSON.stringify(answers));
`;

/** What is sent comes back from an echo server, which stands where Envoy is. */
const sendingProgram = `
import { Client, credentials } from "@grpc/grpc-js";
import { createSignalbox } from "signalbox/client";

const [resolverUrl, envoyUrl, grpcAddress] = process.argv.slice(2);
const context = { userId: "u1", device: "kiosk" };
const client = createSignalbox({ resolverUrl, envoyUrl, timeoutMs: 20000 });
const answers = {};

const payload = { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] };
const inferred = await client.infer("ranking", context, payload, { path: "/echo" });
answers.body = await inferred.response.json();

const stream = new ReadableStream({
  start(controller) {
    for (const part of ["one ", "two"]) controller.enqueue(new TextEncoder().encode(part));
    controller.close();
  },
});
const streamed = await client.infer("ranking", context, stream, { path: "/echo" });
answers.parts = "";
for await (const part of streamed.response.body) answers.parts += new TextDecoder().decode(part);

const wrapped = client.fetch("ranking", context);
const received = await (await wrapped("/anything", { method: "POST", body: "hello" })).json();
answers.fetched = [received.bytes, received.headers["x-routing-key"]];

const stopping = new AbortController();
setTimeout(() => stopping.abort(new Error("enough")), 100);
const slow = client.infer("ranking", context, payload, { path: "/slow?delayMs=60000", signal: stopping.signal });
answers.aborted = await slow.then(() => "answered", (error) => error.message);

const interceptors = [client.interceptor("ranking", context)];
const caller = new Client(grpcAddress, credentials.createInsecure(), { interceptors });
const asIs = (bytes) => bytes;
answers.called = await new Promise((resolve, reject) => {
  const call = caller.makeClientStreamRequest("/signalbox.test.Echo/Collect", asIs, asIs, (error, answer) =>
    error ? reject(error) : resolve(JSON.parse(String(answer)).headers["x-routing-key"]));
  call.write(Buffer.from("hello"));
  call.end();
});
caller.close();
await client.close();
console.log(JSON.stringify(answers));
`;

const featureProgram = `
import { OpenFeature } from "@openfeature/server-sdk";
import { createSignalbox } from "signalbox/client";
import { createSignalboxProvider } from "signalbox/openfeature";

const client = createSignalbox({ resolverUrl: process.argv[2], timeoutMs: 20000 });
await OpenFeature.setProviderAndWait(createSignalboxProvider(client));
const context = { targetingKey: "u1", device: "kiosk" };
console.log(await OpenFeature.getClient().getStringValue("ranking.version", "", context));
await OpenFeature.close();
await client.close();
`;

const typedProgram = `
import { type Answer, type CellSource, createSignalbox, type Signalbox, SignalboxClientError } from "signalbox/client";
import { defineModel } from "signalbox/config";
import { createSignalboxProvider } from "signalbox/openfeature";

const client: Signalbox = createSignalbox({ resolverUrl: ["http://a", "grpc://b"], client: "web" });
export const provider = createSignalboxProvider(client, { unit: "accountId" });
export const key: Promise<string> = client.resolve("ranking", { userId: "1" }).then(({ routingKey }: Answer) => routingKey);
export const model = defineModel;
const cells: CellSource = async ({ unit }, signal) => (signal.aborted ? [] : ["lab=" + unit]);
createSignalbox({ nats: "nats://a", snapshotFolder: "b", cells: { source: cells, timeoutMs: 5 } });
// @ts-expect-error a platform answers with texts
createSignalbox({ nats: "nats://a", snapshotFolder: "b", cells: async () => [1] });
// @ts-expect-error a context holds no objects
void client.resolve("ranking", { nested: {} });
// @ts-expect-error no such option
createSignalbox({ resolverUrls: [] });
export const isRetryable = (error: unknown) => error instanceof SignalboxClientError && error.retryable;
`;

const folder = makeTemporaryFolder();
let world: ResolverWorld;
let platform: CellPlatform;
let echo: EchoServer & { readonly url: string };

beforeAll(async () => {
  execFileSync(process.execPath, [join(projectFolder, "setup/build.js"), "--if-older"]);
  world = await startResolverWorld();
  await publish(world.nats.url, [fromLabExperiment]);
  platform = await startCellPlatform(["from-lab=treatment"]);
  const server = await startEchoServer();
  echo = { ...server, url: `http://127.0.0.1:${server.http1Port}` };
  mkdirSync(join(folder, "node_modules", "@openfeature"), { recursive: true });
  symlinkSync(projectFolder, join(folder, "node_modules", "signalbox"));
  for (const path of ["@openfeature/server-sdk", "@openfeature/core", "@grpc", "@types"]) {
    symlinkSync(join(projectFolder, "node_modules", path), join(folder, "node_modules", path));
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "program.js"), program);
  writeFileSync(join(folder, "sending.js"), sendingProgram);
  writeFileSync(join(folder, "feature.js"), featureProgram);
  writeFileSync(join(folder, "typed.ts"), typedProgram);
});

afterAll(async () => {
  await world?.stop();
  platform?.stop();
  await echo?.stop();
});

/**
 * The machine's own Node, which runs npm and may be older than the project's; and the oldest Node, Bun and Deno, where they
 * are. Node is not allowed to load native modules.
 */
const runtimes = [
  { name: "the machine's own Node", command: ownNode(), args: ["--no-addons"] },
  { name: "Node 20.0.0", command: process.env.OLDEST_NODE_BIN, args: ["--no-addons"] },
  { name: "Bun", command: process.env.BUN_BIN ?? onPath("bun"), args: ["run"] },
  { name: "Deno", command: process.env.DENO_BIN ?? onPath("deno"), args: ["run", "--quiet", "--allow-all"] },
];

for (const { name, command } of runtimes) if (command === undefined) console.info(`no ${name} here; CI has it`);

describe.each(runtimes.filter(({ command }) => command !== undefined))(
  "another package's program under $name",
  ({ name, command, args }) => {
    const run = async (file: string, ...rest: string[]) => {
      const { stdout } = await promisify(execFile)(command ?? "", [...args, file, ...rest], { cwd: folder });
      return stdout.trim();
    };

    test("resolves in all modes, and gets the same answer", async () => {
      const { url, grpcAddress } = world.resolver;
      const snapshotFolder = join(folder, `snapshot of ${name}`);
      const addresses = [url, `grpc://${grpcAddress}`, world.nats.url];
      const output = await run("program.js", ...addresses, snapshotFolder, platform.url);
      const { http, grpc, local, cells, cellsByUrl, refused, defined } = JSON.parse(output);
      expect(http).toMatchObject({ routingKey: "default/ranking/ranker@8", config: { parameters: { beam: 4 } } });
      expect(grpc).toEqual(http);
      expect(local).toEqual(http);
      expect(cells).toMatchObject({ config: { rule: "from-lab", variant: "control" } });
      expect(cellsByUrl).toMatchObject({ config: { rule: "from-lab", variant: "treatment" } });
      expect([refused, defined]).toEqual(["invalid_options", "userId"]);
    });

    test("sends objects, streams and calls with the headers of the decision, and stops when it is told to", async () => {
      const output = await run("sending.js", world.resolver.url, echo.url, `127.0.0.1:${echo.grpcPort}`);
      const key = "default/ranking/ranker@8";
      expect(JSON.parse(output)).toEqual({
        body: { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }], parameters: { beam: 4 } },
        parts: "one two",
        fetched: [5, key],
        aborted: "enough",
        called: key,
      });
    });

    test("evaluates flags", async () => {
      expect(await run("feature.js", world.resolver.url)).toBe("8");
    });
  },
);

test("another package's TypeScript gets the types", async () => {
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node"];
  const tsc = join(projectFolder, "node_modules", "typescript", "lib", "tsc.js");
  await promisify(execFile)(process.execPath, [tsc, ...options, "typed.ts"], { cwd: folder }).catch(
    (error: { stdout: string }) => expect.unreachable(error.stdout),
  );
});

/** npm says which Node runs it; without npm, the first one on the path that is not the project's own. */
function ownNode(): string {
  return process.env.npm_node_execpath ?? onPath("node") ?? process.execPath;
}

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((each) => !each.includes("node_modules"));
  for (const each of folders) {
    try {
      execFileSync(join(each, name), ["--version"], { stdio: "ignore" });
      return join(each, name);
    } catch {
      // Not there.
    }
  }
  return undefined;
}
