import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { projectFolder } from "../setup/paths.js";
import { blocksOf, operationsText } from "./support/operations-doc.ts";
import { eventually, makeTemporaryFolder } from "./support/processes.ts";
import { atPortsOf, upForFile } from "./support/up.ts";

const folder = makeTemporaryFolder();
// The documents of the examples name the default ports, on which this test's model servers do not listen.
const up = upForFile(folder, { XDS_SHARD_PROBE: "off" });

/**
 * Runs a block of the document in a shell that ends at the first failure, against this test's own ports. `npx` is left out,
 * because it takes a second each time; the test of the README has it.
 */
async function run(block: string): Promise<string> {
  const here = atPortsOf(up.environment, block).replaceAll("npx signalbox", `'${process.execPath}' cli/main.ts`);
  const { stdout, stderr } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", here], {
    cwd: projectFolder,
    env: { ...process.env, ...up.environment, NATS_URL: "", NO_COLOR: "1", BACKUP: join(folder, "backup.yaml") },
  });
  return stdout + stderr;
}

/** The only block with this text in it. */
function blockWith(part: string): string {
  const found = blocksOf("sh").filter((block) => block.includes(part));
  expect(found, `the blocks with ${part}`).toHaveLength(1);
  return found[0] ?? "";
}

const keyOfSpare = "digits@7.default/digits-spare=100";

async function shardOf(routingKey: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${up.environment.ENVOY_KEYED_PORT}/infer`, {
    method: "POST",
    headers: { "x-routing-key": routingKey },
    body: "{}",
  });
  await response.arrayBuffer();
  return response.headers.get("x-signalbox-shard") ?? `status ${response.status}`;
}

test("every command of docs/operations.md works, from the first to the last", async () => {
  const outputs = new Map<string, string>();
  for (const block of blocksOf("sh")) {
    if (block.includes(keyOfSpare)) {
      // Published above; Envoy has it a moment later.
      await eventually("the spare shard is there", async () => {
        const dump = await fetch(`http://127.0.0.1:${up.environment.ENVOY_ADMIN_PORT}/clusters`);
        return /default\/digits-spare::.*::health_flags::healthy/.test(await dump.text());
      });
    }
    outputs.set(block, await run(block));
    if (block.includes(keyOfSpare)) {
      await eventually("the traffic moved", async () => {
        return (await shardOf("default/quickstart/digits@7")) === "default/digits-spare";
      });
    }
  }
  const outputOf = (part: string) => outputs.get(blockWith(part)) ?? "";
  expect(outputs.size).toBeGreaterThan(12);
  expect(outputOf("| grep -E '^default/")).toMatch(/digits-a::.*::health_flags::healthy/);
  expect(outputOf("18001/v1/status")).toContain('"envoys":[{');
  expect(outputOf(keyOfSpare)).toBe("OK\n");
  const shifted = outputOf("grep x-signalbox-shard");
  expect(shifted).toMatch(/signalbox\.placement\.default\.digits@7\.default\/digits-a +0/);
  expect(shifted).toContain("x-signalbox-shard: default/digits-spare");
  expect(outputOf("digits-a=&")).not.toContain("signalbox.placement");
  expect(outputOf("shift quickstart")).toContain("10 -> 0");
  const rolledBack = outputOf("signalbox rollback objective");
  expect(rolledBack).toContain("0 -> 10");
  expect(rolledBack).toContain("digits-spare");
  expect(outputOf("openssl rand")).toMatch(/^default=[0-9a-f]{64}$/m);
  expect(outputOf("get all --all-namespaces")).toMatch(/8 documents|9 documents/);
  await eventually("the published placement is back", async () => {
    return (await shardOf("default/quickstart/digits@7")) === "default/digits-a";
  });
}, 180_000);

test("what the document says about the values of a placement's key is true", async () => {
  await run(blockWith("kind: Shard"));
  const admin = `http://127.0.0.1:${up.environment.ENVOY_ADMIN_PORT}`;
  const prefix = "signalbox.placement.default.digits@7.default";
  const modify = async (a: string, spare: string) => {
    const values = new URLSearchParams({ [`${prefix}/digits-a`]: a, [`${prefix}/digits-spare`]: spare });
    await fetch(`${admin}/runtime_modify?${values}`, { method: "POST" });
  };
  const answers = (expected: string) =>
    eventually(`${expected} answers`, async () => (await shardOf("default/quickstart/digits@7")) === expected);
  await eventually("the spare shard is healthy", async () => {
    return /digits-spare::.*::health_flags::healthy/.test(await (await fetch(`${admin}/clusters`)).text());
  });
  await modify("0", "100");
  await answers("default/digits-spare");
  await modify("0", "0");
  await answers("status 404");
  await modify("nonsense", "0");
  await answers("default/digits-a");
  await modify("3000000000", "3000000000");
  await answers("status 404");
  await modify("", "");
  await answers("default/digits-a");
  // digits@8 has one shard.
  await fetch(`${admin}/runtime_modify?signalbox.placement.default.digits@8.default/digits-b=0`, { method: "POST" });
  expect(await shardOf("default/quickstart/digits@8")).toBe("default/digits-b");
});

test("the command for an Envoy image without curl sets an override", async () => {
  const [, command = ""] = /docker-compose exec envoy-1 bash -c '([^']+)'/.exec(operationsText) ?? [];
  const here = (value: string) => command.replace("KEY=VALUE", `signalbox.access_log=${value}`);
  expect(await run(here("50"))).toContain("OK");
  expect(await run("npx signalbox status")).toMatch(/signalbox\.access_log +50/);
  await run(here(""));
  expect(await run("npx signalbox status")).not.toContain("signalbox.access_log");
});

test("the health check of docker-compose.yml for Envoy passes on an Envoy that is ready, and fails without one", async () => {
  const compose = readFileSync(join(projectFolder, "docker-compose.yml"), "utf8");
  const { services } = parse(compose, { merge: true }) as {
    services: Record<string, { healthcheck?: { test: readonly string[] } }>;
  };
  const [kind, command = ""] = services["envoy-1"]?.healthcheck?.test ?? [];
  expect(kind).toBe("CMD-SHELL");
  expect(command).toContain("127.0.0.1/9901");
  await run(command);
  await expect(run(command.replace("127.0.0.1/9901", "127.0.0.1/1"))).rejects.toThrow();
});
