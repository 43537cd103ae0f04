import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { natsForFile } from "./support/nats.ts";
import { createTenant, putBytes } from "./support/tenant.ts";

const nats = natsForFile();

describe("get", () => {
  test("prints a table of a kind, in any spelling of it, or of all kinds", async () => {
    const { namespace, run, publishAll } = createTenant(nats.url);
    await publishAll();
    for (const kind of ["objective", "Objectives", "OBJECTIVE"]) {
      const { stdout } = await run(`get ${kind}`);
      expect(stdout).toMatch(
        new RegExp(`^KIND +NAMESPACE +NAME +REVISION +PUBLISHED\\nObjective +${namespace} +ranking +\\d+ +\\d{4}-`),
      );
    }
    expect((await run("get all")).stdout.trim().split("\n")).toHaveLength(4);
    expect((await run("get all -A")).stdout).toContain(namespace);
  });

  test("prints one document as YAML, JSON or a table", async () => {
    const { namespace, run, publishAll } = createTenant(nats.url);
    await publishAll();
    const expected = { kind: "Model", metadata: { namespace, name: "ranker", revision: expect.any(Number) } };
    expect(parse((await run("get model ranker")).stdout)).toMatchObject(expected);
    expect(JSON.parse((await run(`get model ${namespace}/ranker -ojson`)).stdout)).toMatchObject(expected);
    expect((await run("get model ranker --output=table")).stdout).toContain("ranker");
  });

  test("names the nearest document when there is none of that name", async () => {
    const { namespace, run, publishAll } = createTenant(nats.url);
    await publishAll();
    const { code, stderr } = await run("get objective rankin");
    expect(code).toBe(1);
    expect(stderr).toBe(`There is no Objective ${namespace}/rankin. Did you mean ranking?\n`);
  });

  test("shows what was live at a revision and at a time", async () => {
    const { namespace, run, apply, shard, revisionOf } = createTenant(nats.url);
    await apply(shard("pool", 8080));
    const first = await revisionOf("shard", "pool");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const between = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await apply(shard("pool", 8081));
    const port = (printed: string) => parse(printed).spec.endpoints[0].port;
    expect(port((await run(`get shard pool --at ${first}`)).stdout)).toBe(8080);
    expect(port((await run(`get shard pool --at ${between}`)).stdout)).toBe(8080);
    expect(port((await run("get shard pool")).stdout)).toBe(8081);
    expect((await run(`get shards --at ${between}`)).stdout).toMatch(new RegExp(`pool +${first} +\\d{4}-`));
    expect(await run("get shard pool --at 1")).toMatchObject({
      code: 1,
      stderr: `There is no Shard ${namespace}/pool at revision 1.\n`,
    });
  });

  test("shows the last good revision, and says what was refused, when the newest was refused", async () => {
    const { namespace, run, apply, shard } = createTenant(nats.url);
    await apply(shard("pool", 8080));
    await putBytes(nats.url, `shard.${namespace}.pool`, '{"kind":"Shard"}');
    const then = await run("get shard pool --at 1000000");
    expect(then.code).toBe(0);
    expect(parse(then.stdout).spec.endpoints[0].port).toBe(8080);
    expect(then.stderr).toMatch(new RegExp(`^Revision \\d+ of shard.${namespace}.pool was refused: `));
  });

  test("shows garbage as what it is, without steering the terminal", async () => {
    const { namespace, run } = createTenant(nats.url);
    await putBytes(nats.url, `shard.${namespace}.broken`, "\u001b[31mnot JSON");
    await putBytes(nats.url, `shard.${namespace}.number`, "42");
    const listed = await run("get shards");
    expect(listed.stdout).toContain("broken");
    expect(JSON.parse((await run("get shard broken -o json")).stdout)).toMatchObject({ unreadable: " [31mnot JSON" });
    expect((await run("get shard number")).stdout).toContain('unreadable: "42"');
    expect((await run("history shard broken")).stdout).toContain("unreadable");
    expect(await run("delete shard broken")).toMatchObject({ code: 0 });
  });
});

describe("delete", () => {
  test("refuses while another document needs it, and deletes from the top down", async () => {
    const { namespace, run, publishAll } = createTenant(nats.url);
    await publishAll();
    const refused = await run("delete model ranker");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`Objective ${namespace}/ranking needs it`);
    expect(refused.stderr).toContain("Nothing was deleted.");
    expect((await run("delete objective ranking --yes-delete 1")).stdout).toMatch(
      /^Objective .* deleted, revision \d+\nAccepted; no resolver/,
    );
    expect(JSON.parse((await run("delete model ranker -o json")).stdout).results[0]).toMatchObject({
      change: "deleted",
    });
    expect(await run("delete model ranker")).toMatchObject({ code: 1, stderr: expect.stringContaining("There is no") });
  });
});

describe("history and rollback", () => {
  test("list revisions newest first and publish an earlier one again", async () => {
    const { namespace, run, apply, shard, revisionOf } = createTenant(nats.url);
    await apply(shard("pool", 8080));
    const first = await revisionOf("shard", "pool");
    await apply(shard("pool", 8081));
    await apply(shard("pool", 8082));
    const revisions = JSON.parse((await run("history shard pool -o json")).stdout);
    expect(revisions).toMatchObject([{ change: "updated" }, { change: "updated" }, { change: "created", fields: [] }]);
    expect(revisions[0].fields[0]).toContain("spec.endpoints");
    expect((await run("history shard pool")).stdout).toMatch(/^REVISION +PUBLISHED +CHANGE +FIELDS\n/);

    const back = await run("rollback shard pool");
    expect(back.stdout).toMatch(
      new RegExp(`^Shard ${namespace}/pool is as it was at revision \\d+ now, published as revision`),
    );
    expect((await run("get shard pool")).stdout).toContain("8081");
    expect(JSON.parse((await run(`rollback shard pool --to ${first} -o json`)).stdout)).toMatchObject({ to: first });
    expect((await run("get shard pool")).stdout).toContain("8080");
    expect((await run(`rollback shard pool --to ${first}`)).stdout).toContain(`at revision ${first} already`);
  });

  test("bring back a deleted document, and pass over revisions that are no document", async () => {
    const { namespace, run, apply, shard } = createTenant(nats.url);
    await apply(shard("pool", 8080));
    await putBytes(nats.url, `shard.${namespace}.pool`, "garbage");
    expect(await run("delete shard pool --yes-delete 1")).toMatchObject({ code: 0 });
    expect((await run("history shard pool")).stdout).toMatch(/deleted[\s\S]*unreadable[\s\S]*created/);
    expect(await run("rollback shard pool")).toMatchObject({ code: 0 });
    expect((await run("get shard pool")).stdout).toContain("8080");
  });

  test("refuse a revision that there is not, and name those that there are", async () => {
    const { namespace, run, apply, shard, revisionOf } = createTenant(nats.url);
    await apply(shard("pool", 8080));
    const only = await revisionOf("shard", "pool");
    const missing = await run("rollback shard pool --to 1");
    expect(missing.code).toBe(1);
    expect(missing.stderr).toBe(
      `Shard ${namespace}/pool has no revision 1; it can go back to: ${only}. Nothing was changed.\n`,
    );
    expect(await run("rollback shard pool")).toMatchObject({ code: 1, stderr: expect.stringContaining("no earlier") });
    expect(await run("history shard poll")).toMatchObject({ code: 1, stderr: expect.stringContaining("mean pool?") });
  });

  test("refuse to bring back what no longer fits the other documents", async () => {
    const { run, apply, publishAll, model, objective, revisionOf } = createTenant(nats.url);
    await publishAll();
    const old = await revisionOf("objective", "ranking");
    await apply(objective({ default: { model: "ranker", version: "8" } }));
    await apply(model(["8", "9"]));
    const refused = await run(`rollback objective ranking --to ${old}`);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`revision ${old}: Objective`);
    expect(refused.stderr).toContain("Nothing was changed.");
  });
});

describe("shift", () => {
  test("edits the document: a share for a version, and back", async () => {
    const { namespace, run, publishAll } = createTenant(nats.url);
    await publishAll();
    const shifted = await run("shift ranking --to ranker@8=25%");
    expect(shifted).toMatchObject({ code: 0, stderr: "" });
    expect(shifted.stdout).toMatch(new RegExp(`^Objective ${namespace}/ranking published as revision \\d+\\n`));
    const rules = async () => parse((await run("get objective ranking")).stdout).spec.rules;
    expect((await rules())[0].split.variants).toMatchObject([
      { version: "7", weight: 75 },
      { version: "8", weight: 25 },
    ]);
    expect((await run("shift ranking --to ranker@8=25")).stdout).toContain("is so already");
    expect(JSON.parse((await run("shift ranking --to ranker@7=100 -o json")).stdout)).toMatchObject({
      revision: expect.any(Number),
    });
    expect((await rules())[0].split.variants).toMatchObject([
      { version: "7", weight: 100 },
      { version: "8", weight: 0 },
    ]);
  });

  test("refuses a version or rule or objective that there is not, and changes nothing", async () => {
    const { run, publishAll, revisionOf } = createTenant(nats.url);
    await publishAll();
    const before = await revisionOf("objective", "ranking");
    expect(await run("shift ranking --to ranker@9=25")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("9"),
    });
    const rule = await run("shift ranking --to ranker@8=25 --rule canary");
    expect(rule).toMatchObject({ code: 1, stderr: expect.stringContaining('it has no rule "canary"') });
    expect(await run("shift rankin --to ranker@8=25")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("ranking?"),
    });
    for (const to of ["ranker@8=101", "ranker=5", "ranker@8"])
      expect(await run(`shift ranking --to ${to}`)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("MODEL@VERSION=PERCENT"),
      });
    expect(await revisionOf("objective", "ranking")).toBe(before);
  });
});
