import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Outcome, signalbox } from "./support/command-line.ts";
import { natsForFile } from "./support/nats.ts";
import { freePort } from "./support/ports.ts";
import { temporaryFolder } from "./support/processes.ts";
import { createTenant } from "./support/tenant.ts";

const nats = natsForFile();

type Tenant = ReturnType<typeof createTenant>;

const split = (canary: number) => ({
  variants: [
    { name: "stable", weight: 100 - canary, model: "ranker", version: "7" },
    { name: "canary", weight: canary, model: "ranker", version: "8" },
  ],
});

/** An objective that gives kiosks version 8, and `canary` percent of the others. */
const canaryObjective = ({ objective }: Tenant, canary: number) =>
  objective({
    rules: [
      { name: "kiosks", when: { device: "kiosk" }, serve: { model: "ranker", version: "8" } },
      { name: "canary", split: split(canary) },
    ],
  });

function command(name: string, input: string, ...args: string[]): Promise<Outcome> {
  return signalbox([name, "-f", "-", ...args], { input, environment: { NATS_URL: nats.url } });
}

const contextFile = (lines: readonly (object | string)[]): string => {
  const file = join(temporaryFolder(), "contexts.jsonl");
  writeFileSync(file, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"));
  return file;
};

describe("plan", () => {
  test("shows keys, moved units, shards and documents of a change, and changes nothing", async () => {
    const tenant = createTenant(nats.url);
    const { namespace, shard, model, publishAll, revisionOf } = tenant;
    await publishAll();
    const revision = await revisionOf("objective", "ranking");
    const documents = [shard("pool", 9090), model(["7", "8", "9"]), canaryObjective(tenant, 20)].join("\n---\n");
    const table = await command("plan", documents);
    expect(table).toMatchObject({ code: 0, stderr: "" });
    expect(table.stdout).toMatch(/^Compared with revision \d+: 3 of 3 documents would change\./);
    expect(table.stdout).toMatch(new RegExp(`Model ${namespace}/ranker +updated +spec\\.versions\\[9\\]`));
    expect(table.stdout).toMatch(new RegExp(`${namespace}/ranking +changed +1 +0 +0 +2`));
    expect(table.stdout).toMatch(/no attributes +10000 +ranker@7 +ranker@8 +(19|20|21)\.\d % ±0\.\d/);
    expect(table.stdout).toMatch(/kiosks device="kiosk" +10000 +ranker@7 +ranker@8 +100\.0 %/);
    expect(table.stdout).toMatch(new RegExp(`${namespace}/pool +changed +2 +3`));
    expect(table.stdout).toContain("No Envoy is connected");
    const json = JSON.parse((await command("plan", documents, "-o", "json", "--units", "1e3")).stdout);
    expect(json).toMatchObject({ envoys: [], deletions: [], refusedBySeatBelt: null });
    expect(json.objectives[0].keys.added).toEqual([`${namespace}/ranking/ranker@9`]);
    expect(json.objectives[0].movements[0].contexts).toBe(1000);
    expect(await revisionOf("objective", "ranking")).toBe(revision);
  });

  test("tells what becomes of requests in flight when a key goes, and with --exit-code that there is a change", async () => {
    const { namespace, model, publishAll } = createTenant(nats.url);
    await publishAll();
    const { code, stdout } = await command("plan", model(["7"]), "--exit-code");
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`${namespace}/ranking/ranker@8 +10 s +by ${namespace}/ranking/ranker@7`));
    const nothing = await command("plan", model(), "--exit-code");
    expect(nothing).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing would change") });
  });

  test("counts the contexts of a file, those of other objectives left out", async () => {
    const tenant = createTenant(nats.url);
    await tenant.publishAll();
    const file = contextFile([
      { userId: "1", device: "kiosk" },
      "",
      { objective: `${tenant.namespace}/ranking`, context: { userId: "2", device: "kiosk" } },
      { objective: "ranking", namespace: tenant.namespace, context: { userId: "3", device: "tv" }, more: 1 },
      { objective: "elsewhere/ranking", context: { userId: "4", device: "kiosk" } },
    ]);
    const { stdout } = await command("plan", canaryObjective(tenant, 0), "--context-file", file);
    expect(stdout).toMatch(/contexts of the file +3 +ranker@7 +ranker@8 +66\.7 %\n/);
  });

  test("names the line of a file that is no context, and the file that is not there", async () => {
    const tenant = createTenant(nats.url);
    await tenant.publishAll();
    const cases: [readonly (object | string)[], string][] = [
      [[{ userId: "1" }, "{"], "contexts.jsonl:2: is no JSON"],
      [["[1]"], "contexts.jsonl:1: must be a JSON object"],
      [[{ userId: { a: 1 } }], "contexts.jsonl:1: context.userId must be"],
      [[""], "holds no context"],
    ];
    for (const [lines, message] of cases) {
      const file = contextFile(lines);
      const outcome = await command("plan", canaryObjective(tenant, 10), "--context-file", file);
      expect(outcome).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining(message) });
    }
    const missing = await command("plan", canaryObjective(tenant, 10), "--context-file", "/nowhere");
    expect(missing.stderr).toContain("--context-file /nowhere cannot be read (ENOENT)");
  });

  test("refuses what apply would refuse, and a number of units that is none", async () => {
    const { publishAll, objective } = createTenant(nats.url);
    await publishAll();
    const bad = await command("plan", objective({ default: { model: "ranker", version: "9" } }));
    expect(bad).toMatchObject({ code: 1, stderr: expect.stringContaining('no version "9"') });
    for (const units of ["0", "-1", "1.5", "many", "1e9"])
      expect(await command("plan", objective(), `--units=${units}`)).toMatchObject({ code: 2 });
  });
});

describe("the seat belt", () => {
  /** A namespace with eight shards that nothing needs. */
  const eightShards = async () => {
    const tenant = createTenant(nats.url);
    const shards = Array.from({ length: 8 }, (_, index) => tenant.shard(`s-${index}`));
    await tenant.apply(shards.join("\n---\n"));
    const names = async () => JSON.parse((await tenant.run("get shards -o json")).stdout).length;
    return { ...tenant, first: (count: number) => shards.slice(0, count).join("\n---\n"), names };
  };

  test("lets a change delete a quarter of a namespace's shards, and no more without the exact number", async () => {
    const { namespace, first, names, apply } = await eightShards();
    const refused = await apply(first(4), "--prune");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`Deletes 4 of the 8 shards of namespace ${namespace} (50 %)`);
    expect(refused.stderr).toContain("--yes-delete 4");
    expect(refused.stderr).toContain("Nothing was changed");
    const plan = await command("plan", first(4), "--prune", "-o", "json");
    expect(plan).toMatchObject({ code: 1, stderr: expect.stringContaining("`apply` would refuse this") });
    expect(JSON.parse(plan.stdout).deletions).toEqual([{ kind: "Shard", namespace, deleted: 4, of: 8, percent: 50 }]);
    const wrong = await apply(first(4), "--prune", "--yes-delete", "3");
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("the change deletes 4 documents") });
    expect(await names()).toBe(8);
    expect(await apply(first(6), "--prune")).toMatchObject({ code: 0, stdout: expect.stringContaining("s-7 deleted") });
    expect(await apply(first(2), "--prune", "--yes-delete", "4")).toMatchObject({ code: 0 });
    expect(await names()).toBe(2);
  });

  test("holds for delete, several documents at once too, all or none", async () => {
    const { run, names } = await eightShards();
    const refused = await run("delete shard s-0 s-1 s-2");
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("--yes-delete 3") });
    expect(await run("delete shard s-0 s-1 nowhere")).toMatchObject({ code: 1 });
    expect(await names()).toBe(8);
    const deleted = await run("delete shard s-0 s-1");
    expect(deleted).toMatchObject({ code: 0, stderr: "" });
    expect(deleted.stdout).toMatch(/s-0 deleted, revision \d+\n.*s-1 deleted, revision \d+\n/);
    expect(await run("delete shard s-2 s-3 s-4 --yes-delete 3")).toMatchObject({ code: 0 });
    expect(await run("delete shard s-5 --yes-delete x")).toMatchObject({ code: 2 });
  });

  test("has a limit that may be set, and refuses one that is no percentage", async () => {
    const { first } = await eightShards();
    const prune = (percent: string) =>
      signalbox(["apply", "--prune", "-f", "-"], {
        input: first(7),
        environment: { NATS_URL: nats.url, SIGNALBOX_MAX_DELETE_PERCENT: percent },
      });
    expect(await prune("10")).toMatchObject({ code: 1, stderr: expect.stringContaining("(13 %)") });
    expect(await prune("many")).toMatchObject({ code: 2, stderr: expect.stringContaining("MAX_DELETE_PERCENT=many") });
    expect(await prune("12.5")).toMatchObject({ code: 0 });
  });

  test("prunes only the namespaces of the files, and refuses to prune what is still named", async () => {
    const tenant = createTenant(nats.url);
    const other = createTenant(nats.url);
    await Promise.all([tenant.publishAll(), other.publishAll()]);
    const dangling = await tenant.apply([tenant.model(), tenant.objective()].join("\n---\n"), "--prune");
    expect(dangling).toMatchObject({ code: 1, stderr: expect.stringContaining("pool") });
    const pruned = await tenant.apply(tenant.shard(), "--prune", "--yes-delete", "2");
    expect(pruned).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse((await other.run("get all -o json")).stdout)).toHaveLength(3);
  });

  test("prunes every kind, but no pin", async () => {
    const tenant = createTenant(nats.url);
    await tenant.publishAll();
    const all = [tenant.shard(), tenant.model(), tenant.objective()].join("\n---\n");
    const arms = { a: { model: "ranker", version: "7" }, b: { model: "ranker", version: "8" } };
    const extra = [
      tenant.document("Audience", "pilots", { members: ["user-1"] }),
      tenant.document("Holdout", "global", { percent: 5 }),
      tenant.document("Experiment", "layout", {
        arms: [{ name: "a" }, { name: "b" }],
        targets: [{ objective: "ranking", arms }],
      }),
      tenant.document("Pin", "freeze", { objectives: ["ranking"] }),
    ];
    expect(await tenant.apply(extra.join("\n---\n"))).toMatchObject({ code: 0, stderr: "" });
    expect(await tenant.apply(all, "--prune")).toMatchObject({ code: 0, stderr: "" });
    const left = JSON.parse((await tenant.run("get all -o json")).stdout) as readonly { kind: string }[];
    expect(left.map(({ kind }) => kind).sort()).toEqual(["Model", "Objective", "Pin", "Shard"]);
  });
});

describe("simulate", () => {
  test("prints the share of each variant after a change, and the share of units that it moves", async () => {
    const tenant = createTenant(nats.url);
    await tenant.apply([tenant.shard(), tenant.model(), canaryObjective(tenant, 10)].join("\n---\n"));
    const { code, stdout, stderr } = await command("simulate", canaryObjective(tenant, 30), "--units", "50000");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^From revision \d+ to the files\n/);
    expect(stdout).toMatch(/canary +stable +ranker@7 +(89|90)\.\d % ±0\.\d +(69|70)\.\d % ±0\.\d/);
    expect(stdout).toMatch(/(19|20)\.\d % ±0\.\d get another version\./);
    expect(stdout).toMatch(/ranker@7 +ranker@8 +(19|20)\.\d %/);
    expect(stdout).toContain("No context reached kiosks");
    const kiosks = await command("simulate", canaryObjective(tenant, 30), "-c", "device=kiosk", "-o", "json");
    expect(JSON.parse(kiosks.stdout).objectives[0]).toMatchObject({
      contexts: 100_000,
      after: [{ rule: "kiosks", percent: 100 }],
      unreachedRules: [],
    });
  });

  test("compares two revisions, and says what an objective that is not there is called", async () => {
    const tenant = createTenant(nats.url);
    await tenant.publishAll();
    const before = await tenant.revisionOf("objective", "ranking");
    await tenant.apply(canaryObjective(tenant, 100));
    const after = await tenant.revisionOf("objective", "ranking");
    const moved = await tenant.run(`simulate ranking --from ${before} --units 1000 -o json`);
    expect(JSON.parse(moved.stdout)).toMatchObject({
      comparison: { from: before },
      objectives: [{ moved: { percent: 100 }, moves: [{ from: "ranker@7", to: "ranker@8", count: 1000 }] }],
    });
    const back = await tenant.run(`simulate ranking --from ${after} --to ${before} --units 10`);
    expect(back.stdout).toMatch(/ranker@8 +ranker@7 +100\.0 %/);
    const missing = await tenant.run("simulate rankin");
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`Did you mean ${tenant.namespace}/ranking`),
    });
  });

  test("of files alone needs no NATS; recorded contexts are counted once, or given to made-up units in turn", async () => {
    const tenant = createTenant(nats.url);
    const documents = [tenant.shard(), tenant.model(), canaryObjective(tenant, 0)].join("\n---\n");
    const file = contextFile([{ userId: "1", device: "kiosk" }, { userId: "2" }, { userId: "3" }, { userId: "4" }]);
    const run = async (...args: string[]) => {
      const environment = { NATS_URL: `nats://127.0.0.1:${await freePort()}` };
      const line = ["simulate", "-f", "-", "--alone", "--context-file", file, "-o", "json", ...args];
      const outcome = await signalbox(line, { input: documents, environment });
      expect(outcome).toMatchObject({ code: 0, stderr: "" });
      return JSON.parse(outcome.stdout);
    };
    expect(await run()).toMatchObject({ comparison: null, isSample: false, objectives: [{ contexts: 4 }] });
    const { after } = (await run("--units", "8")).objectives[0];
    expect(after.map(({ rule, count }: { rule: string; count: number }) => [rule, count])).toEqual([
      ["kiosks", 2],
      ["canary", 6],
    ]);
  });

  test("simulates and plans experiments by the time that is given", async () => {
    const tenant = createTenant(nats.url);
    await tenant.publishAll();
    const arms = { control: { model: "ranker", version: "7" }, treatment: { model: "ranker", version: "8" } };
    const experiment = tenant.document("Experiment", "later", {
      unit: "accountId",
      start: "2090-01-01T00:00:00Z",
      arms: [{ name: "control" }, { name: "treatment" }],
      targets: [{ objective: "ranking", arms }],
    });
    const now = await command("simulate", experiment, "--units", "1000");
    expect(now.stdout).toContain("No context is in the experiment later");
    const then = await command("simulate", experiment, "--units", "1e4", "--now", "2090-01-01T00:00:00Z");
    expect(then.stdout).toMatch(/later +treatment +ranker@8 +0\.0 % +(49|50)\.\d % ±1\.0/);
    const planned = await command("plan", experiment, "--now", "2090-01-01T00:00:00Z");
    expect(planned.stdout).toMatch(/no attributes +10000 +ranker@7 +ranker@8 +(49|50)\.\d %/);
    for (const name of ["plan", "simulate"])
      expect(await command(name, experiment, "--now", "tomorrow")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("--now tomorrow: give a time with its zone"),
      });
    expect((await tenant.run("simulate --from yesterday")).stderr).toContain("--from yesterday: give a revision");
  });

  test("refuses flags that contradict each other", async () => {
    const { run } = createTenant(nats.url);
    for (const line of ["simulate --alone", "simulate -f x --to 3", "simulate -f x --alone --from 3"])
      expect((await run(line)).code).toBe(2);
  });
});
