import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connectStore, type DocumentStore } from "../config/store/document-store.ts";
import { type Heartbeat, startHeartbeat } from "../rollout/heartbeat.ts";
import type { HeldObjective } from "../rollout/process-status.ts";
import { sampleEnvoy, sampleHeld, sampleStatus } from "../rollout/testing.ts";
import { signalbox } from "./support/command-line.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { eventually, makeTemporaryFolder } from "./support/processes.ts";
import { startTestResolver, type TestResolver } from "./support/resolver.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { createTenant } from "./support/tenant.ts";

const folder = makeTemporaryFolder();
const groups = ["canary", "region-a", undefined] as const;
let nats: TestNats;
let store: DocumentStore;
/** An xds-server whose Envoys have everything at once: this is about the resolvers. */
let xdsServer: Heartbeat;
let following: NodeJS.Timeout;
/** What that xds-server holds back. */
let held: readonly HeldObjective[] = [];
const resolvers = new Map<(typeof groups)[number], TestResolver>();

beforeAll(async () => {
  nats = await startNats(folder);
  store = await connectStore({ servers: nats.url });
  let watermark = 0;
  const status = () => sampleStatus("xds-server", "x1", watermark, { envoys: [sampleEnvoy("e1", watermark)], held });
  xdsServer = startHeartbeat({ servers: nats.url, status, intervalMs: 500 });
  following = setInterval(async () => {
    const last = await store.lastRevision().catch(() => watermark);
    if (last === watermark) return;
    watermark = last;
    xdsServer.changed();
  }, 20);
  for (const group of groups) {
    const environment: Record<string, string> = group === undefined ? {} : { RESOLVER_GROUP: group };
    // Ready without a document: tests publish them.
    const options = { natsUrl: nats.url, dataFolder: folder, environment, readyPath: "/healthz" };
    resolvers.set(group, await startTestResolver(options));
  }
}, 60_000);

afterAll(async () => {
  for (const resolver of resolvers.values()) await resolver.stop();
  clearInterval(following);
  await xdsServer?.stop();
  await store?.close();
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

let tenant: ReturnType<typeof createTenant>;

beforeEach(async () => {
  tenant = createTenant(nats.url);
  await tenant.publishAll();
  await answers("7", ...groups);
});

/** Which version the resolvers of a group answer with. */
async function versionOf(group: (typeof groups)[number]): Promise<string | undefined> {
  const { namespace } = tenant;
  return (await resolveAt(resolvers.get(group)?.url ?? "", "ranking", { namespace })).config?.version;
}

async function answers(version: string, ...which: readonly (typeof groups)[number][]): Promise<void> {
  for (const group of which)
    await eventually(`group ${group} answers ${version}`, async () => (await versionOf(group)) === version);
}

const next = () => tenant.objective({ default: { model: "ranker", version: "8" } });

const rollout = (input: string, ...args: string[]) =>
  signalbox(["rollout", ...args], { input, environment: { NATS_URL: nats.url } });

const start = (...args: string[]) =>
  rollout(next(), "-f", "-", "--stages", "canary,region-a,all", "--timeout", "60s", ...args);

describe("rollout", () => {
  test("gives a change to one group after the other, each after a confirmation", async () => {
    const started = await start();
    expect(started).toMatchObject({ code: 0, stderr: "" });
    expect(started.stdout).toMatch(/^Stage canary\. It is live: resolvers 1\/1, Envoys 1\/1\n/);
    expect(started.stdout).toContain(`Stage canary waits; \`signalbox rollout resume ranking -n ${tenant.namespace}\``);
    await answers("8", "canary");
    expect([await versionOf("region-a"), await versionOf(undefined)]).toEqual(["7", "7"]);
    expect((await tenant.run("rollout status")).stdout).toMatch(/ranking +canary +region-a, all +until resumed/);

    const second = await tenant.run("rollout resume ranking");
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining("Stage region-a. It is live") });
    await answers("8", "canary", "region-a");
    expect(await versionOf(undefined)).toBe("7");

    const last = await tenant.run("rollout resume ranking");
    expect(last.stdout).toMatch(/Stage all begins\.\nStage all\. It is live: resolvers 3\/3.*\nDone/);
    await answers("8", ...groups);
    expect((await tenant.run("rollout status")).stdout).toBe("No rollout is under way.\n");
    expect(JSON.parse((await tenant.run("get pins -o json")).stdout)).toEqual([]);
  });

  test("goes on by itself after each pause, as JSON one line an event", async () => {
    const { code, stdout } = await start("--pause", "300ms", "-o", "json");
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ event, stage }) => [event, stage].filter(Boolean).join(" "))).toEqual([
      ...["stage-live canary", "pausing canary", "stage-begins region-a"],
      ...["stage-live region-a", "pausing region-a", "stage-begins all", "stage-live all", "done"],
    ]);
    await answers("8", ...groups);
  });

  test("is held by pause and carried on by resume, in another terminal", async () => {
    const driving = start("--pause", "1h");
    for (const [group, others] of [
      ["canary", "region-a"],
      ["region-a", undefined],
    ] as const) {
      await answers("8", group);
      expect(await tenant.run("rollout pause ranking")).toMatchObject({ code: 0 });
      expect((await tenant.run("rollout status")).stdout).toMatch(new RegExp(`ranking +${group} .* held `));
      expect(await versionOf(others)).toBe("7");
      expect(await tenant.run("rollout resume ranking --wait=false")).toMatchObject({ code: 0 });
    }
    expect(await driving).toMatchObject({ code: 0, stdout: expect.stringContaining("Done") });
    await answers("8", ...groups);
  }, 60_000);

  test("stays at its stage when who carries it on is killed, and is carried on by another", async () => {
    const args = ["-f", "-", "--stages", "canary,region-a,all", "--timeout", "60s", "--pause", "1h"];
    const driver = spawn(process.execPath, ["cli/main.ts", "rollout", ...args], {
      env: { ...process.env, NATS_URL: nats.url },
      stdio: ["pipe", "ignore", "ignore"],
    });
    const ended = new Promise((resolve) => driver.once("close", resolve));
    driver.stdin.end(next());
    await answers("8", "canary");
    driver.kill("SIGKILL");
    await ended;
    for (const [group, others] of [
      ["canary", "region-a"],
      ["region-a", undefined],
    ] as const) {
      expect((await tenant.run("rollout status")).stdout).toMatch(new RegExp(`ranking +${group} `));
      expect(await versionOf(others)).toBe("7");
      await tenant.run("rollout pause ranking");
      expect(await tenant.run("rollout resume ranking --wait=false")).toMatchObject({ code: 0 });
      await answers("8", others);
    }
    expect((await tenant.run("rollout status")).stdout).toBe("No rollout is under way.\n");
  }, 60_000);

  test("gives what is published in the middle to the groups that it has reached, and to the others with it", async () => {
    expect((await start()).code).toBe(0);
    await tenant.apply(tenant.model(["7", "8", "9"]));
    const applied = await tenant.apply(tenant.objective({ default: { model: "ranker", version: "9" } }));
    expect(applied).toMatchObject({
      code: 4,
      stdout: expect.stringContaining(`held by Pin ${tenant.namespace}/ranking`),
    });
    await answers("9", "canary");
    expect([await versionOf("region-a"), await versionOf(undefined)]).toEqual(["7", "7"]);
    const changed = tenant.objective({ default: { model: "ranker", version: "8" }, policy: { ttlMs: 1 } });
    const second = await rollout(changed, "-f", "-", "--stages", "region-a,all", "--name", "other");
    expect(second).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `Rollout ${tenant.namespace}/ranking is under way with Objective ${tenant.namespace}/ranking`,
      ),
    });
    expect((await tenant.run("rollout resume ranking")).code).toBe(0);
    await answers("9", "region-a");
    expect(await versionOf(undefined)).toBe("7");
    expect((await tenant.run("rollout resume ranking")).code).toBe(0);
    await answers("9", ...groups);
  }, 60_000);

  test("does not go on from a stage that is not live, and says why", async () => {
    const revision = await tenant.revisionOf("objective", "ranking");
    held = [sampleHeld(`${tenant.namespace}/ranking`, revision, revision + 100)];
    try {
      const text =
        /Stage canary\. It is held.*no ready host[^\n]*\nIt stays so until it is live.*rollout abort ranking/;
      expect(await start("--timeout", "2s")).toMatchObject({ code: 4, stdout: expect.stringMatching(text) });
      const resumed = await tenant.run("rollout resume ranking --timeout 2s");
      expect(resumed).toMatchObject({ code: 4, stdout: expect.stringMatching(text) });
      expect((await tenant.run("rollout status")).stdout).toMatch(/ranking +canary /);
    } finally {
      held = [];
    }
    expect((await tenant.run("rollout resume ranking")).code).toBe(0);
    await answers("8", "canary", "region-a");
    expect((await tenant.run("rollout abort ranking")).code).toBe(0);
  }, 60_000);

  test("goes back for everybody by abort, in one change, and ends whoever carries it on", async () => {
    const before = await tenant.revisionOf("objective", "ranking");
    const driving = start("--pause", "1h");
    await answers("8", "canary");
    const aborted = await tenant.run("rollout abort ranking");
    expect(aborted).toMatchObject({ code: 0, stderr: "" });
    expect(aborted.stdout).toMatch(/Objective .*\/ranking updated[\s\S]*Pin .*\/ranking deleted/);
    await answers("7", ...groups);
    expect(await driving).toMatchObject({ code: 1, stdout: expect.stringContaining("aborted elsewhere") });
    expect(await tenant.revisionOf("objective", "ranking")).toBeGreaterThan(before);
    expect(await tenant.run("rollout abort ranking")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("There is no rollout"),
    });
  }, 60_000);

  test("leaves by abort what was published again since, and deletes what was new", async () => {
    const added = tenant.document("Objective", "added", { default: { model: "ranker", version: "8" } });
    const started = await rollout([next(), added].join("\n---\n"), "-f", "-", "--stages", "canary,all");
    expect(started.code).toBe(0);
    await tenant.apply(tenant.objective({ default: { model: "ranker", version: "8", parameters: { k: 1 } } }));
    const aborted = await tenant.run("rollout abort ranking");
    expect(aborted).toMatchObject({ code: 0, stderr: expect.stringContaining("ranking was published again since") });
    expect((await tenant.run("get objective added")).code).toBe(1);
    expect((await tenant.run("get objective ranking")).stdout).toContain("k: 1");
  }, 60_000);

  test("refuses what cannot be staged, and publishes nothing", async () => {
    const revision = await tenant.revisionOf("objective", "ranking");
    const shard = tenant.shard("unused");
    const cases: [string, readonly string[], number, string][] = [
      [next(), ["--stages", "canary"], 2, "the last stage must be all"],
      [next(), ["--stages", "all"], 2, "there is no group"],
      [next(), ["--stages", "canary,canary,all"], 2, "twice"],
      [next(), ["--stages", "Canary,all"], 2, "no name of a group"],
      [next(), ["--stages", "canary,all", "--pause", "soon"], 2, "--pause soon"],
      [
        next(),
        ["--stages", "canary,nowhere,all"],
        1,
        "No resolver (RESOLVER_GROUP) and no Envoy (ENVOY_GROUP) of group nowhere is alive",
      ],
      [tenant.objective(), ["--stages", "canary,all"], 1, "nothing to roll out"],
      [shard, ["--stages", "canary,all"], 1, "touches no objective"],
    ];
    for (const [input, args, code, message] of cases)
      expect(await rollout(input, "-f", "-", ...args)).toMatchObject({
        code,
        stderr: expect.stringContaining(message),
      });
    expect(await tenant.run("rollout start x")).toMatchObject({ code: 2 });
    expect(await tenant.run("rollout resume")).toMatchObject({ code: 2 });
    expect(await tenant.run("rollout begin x")).toMatchObject({ code: 2 });
    expect(await tenant.revisionOf("objective", "ranking")).toBe(revision);
  }, 60_000);
});

describe("a pin", () => {
  test("of a group keeps its resolvers as they are, and says so in the status, until it goes", async () => {
    await tenant.run("pin group region-a");
    await tenant.apply(next());
    await answers("8", "canary", undefined);
    expect(await versionOf("region-a")).toBe("7");
    await eventually("the status tells it", async () => {
      const { stdout } = await signalbox(["status"], { environment: { NATS_URL: nats.url } });
      return new RegExp(`${tenant.namespace}/ranking .*held by Pin ${tenant.namespace}/region-a`).test(stdout);
    });
    const unpinned = await tenant.run("unpin group region-a --wait");
    expect(unpinned).toMatchObject({ code: 0, stdout: expect.stringContaining("resolvers 3/3") });
    await answers("8", ...groups);
  });

  test("of an objective is obeyed by every resolver, and apply says at once that its change waits", async () => {
    await tenant.run("pin objective ranking");
    const applied = await tenant.apply(next(), "--wait");
    expect(applied.code).toBe(4);
    expect(applied.stdout).toContain("held back, what was live stays live");
    expect(applied.stdout).toContain(`held by Pin ${tenant.namespace}/ranking`);
    await answers("7", ...groups);
    await tenant.run("unpin objective ranking");
    await answers("8", ...groups);
  });
});
