import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { signalbox } from "./support/command-line.ts";
import { natsForFile } from "./support/nats.ts";
import { freePort } from "./support/ports.ts";
import { temporaryFolder } from "./support/processes.ts";
import { createTenant, putBytes } from "./support/tenant.ts";

const nats = natsForFile();

describe("apply", () => {
  test("publishes what it reads from standard input, and says what became of each document", async () => {
    const { namespace, apply, shard, model, objective } = createTenant(nats.url);
    const documents = [shard(), model(), objective()].join("\n---\n");
    const first = await apply(documents);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toMatch(new RegExp(`^Shard ${namespace}/pool created, revision \\d+\\nModel .* created`));
    const again = await apply(documents, "-o", "json");
    expect(JSON.parse(again.stdout).results).toMatchObject([
      { id: { kind: "Shard", namespace, name: "pool" }, change: "unchanged" },
      { id: { kind: "Model" }, change: "unchanged" },
      { id: { kind: "Objective" }, change: "unchanged" },
    ]);
    const changed = await apply(shard("pool", 9090), "-o", "yaml");
    expect(parse(changed.stdout).results[0]).toMatchObject({ change: "updated" });
  });

  test("takes files and folders, several of them", async () => {
    const { shard, model, objective } = createTenant(nats.url);
    const folder = temporaryFolder();
    mkdirSync(join(folder, "models"));
    writeFileSync(join(folder, "models/ranker.json"), model());
    writeFileSync(join(folder, "shards.yaml"), shard());
    writeFileSync(join(folder, "objective.json"), objective());
    const twice = await signalbox(["apply", "-f", `${folder}/models`, `${folder}/shards.yaml`, "-f", folder], {
      environment: { NATS_URL: nats.url },
    });
    expect(twice.code).toBe(1);
    expect(twice.stderr).toContain("is there twice");
    const whole = await signalbox(["apply", "-f", folder], { environment: { NATS_URL: nats.url } });
    expect(whole).toMatchObject({ code: 0, stderr: "" });
    const [nobody, ...documents] = whole.stdout.trim().split("\n").reverse();
    expect(documents).toHaveLength(3);
    expect(nobody).toBe("Accepted; no resolver and no xds-server is alive that would take it.");
  });

  test("of what get printed changes nothing, one document or all of them", async () => {
    const { run, apply, publishAll } = createTenant(nats.url);
    await publishAll();
    for (const line of [
      "get objective ranking",
      "get objective ranking -o json",
      "get all -o yaml",
      "get all -o json",
    ]) {
      const printed = await run(line);
      const applied = await apply(printed.stdout, "-o", "json");
      expect(applied).toMatchObject({ code: 0, stderr: "" });
      for (const { change } of JSON.parse(applied.stdout).results) expect(change).toBe("unchanged");
    }
  });

  test("refuses an edit of an old revision, names both revisions and the remedy, and stores nothing", async () => {
    const { namespace, run, apply, shard, revisionOf } = createTenant(nats.url);
    await apply(shard("pool", 8080));
    const seen = await revisionOf("shard", "pool");
    await apply(shard("pool", 8081));
    const newest = await revisionOf("shard", "pool");
    const lost = await apply([shard("other"), shard("pool", 8082, { revision: seen })].join("\n---\n"));
    expect(lost.code).toBe(1);
    expect(lost.stderr).toBe(
      `Shard ${namespace}/pool was edited from revision ${seen}, but revision ${newest} was published since: get it again (\`signalbox get shard pool -n ${namespace}\`), merge your change into that, and apply it.\nNothing was published.\n`,
    );
    expect(await revisionOf("shard", "pool")).toBe(newest);
    expect((await run("get shard other")).code).toBe(1);
    expect(await apply(shard("pool", 8082, { revision: newest }))).toMatchObject({ code: 0 });
  });

  test("refuses a document that takes away what a published one needs", async () => {
    const { namespace, publishAll, apply, model } = createTenant(nats.url);
    await publishAll();
    const refused = await apply(model(["8"]));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`Objective ${namespace}/ranking needs it`);
    expect(refused.stderr).toContain("Nothing was changed.");
  });

  test("tells at once what is wrong in each document, between them, and with what is published", async () => {
    const { namespace, publishAll, apply, shard, document } = createTenant(nats.url);
    await publishAll();
    const serve = { model: "ranker", version: "9" };
    const search = document("Objective", "search", { default: serve, polcy: {}, rules: [{ name: "all", serve }] });
    const { code, stderr } = await apply([shard("new"), shard("new", 0), search].join("\n---\n"));
    expect(code).toBe(1);
    const lines = stderr.trim().split("\n");
    expect(lines).toEqual([
      expect.stringContaining(`Shard ${namespace}/new: spec.endpoints[0].port: must be at least 1`),
      expect.stringContaining(
        `Objective ${namespace}/search: spec.polcy: is not a known field; did you mean "policy"?`,
      ),
      expect.stringContaining(`Shard ${namespace}/new is there twice`),
      expect.stringContaining("spec.default.version: model team-"),
      expect.stringContaining("spec.rules[0].serve.version: model team-"),
      "Nothing was changed.",
    ]);
    const away = { NATS_URL: `nats://127.0.0.1:${await freePort()}` };
    const alone = await signalbox(["apply", "-f", "-"], { input: search, environment: away });
    expect(alone).toMatchObject({ code: 1, stdout: "" });
    expect(alone.stderr.trim().split("\n")).toEqual([expect.stringContaining("spec.polcy"), "Nothing was changed."]);
  });

  const badInputs: readonly (readonly [string, string | Uint8Array, readonly string[]])[] = [
    ["malformed YAML", "kind: Shard\n  spec: [", ["stdin:2", "Nothing was changed."]],
    ["a wrong kind", '{"apiVersion":"signalbox.dev/v1","kind":"Objectiv"}', ["did you mean Objective?"]],
    [
      "a wrong version",
      '{"apiVersion":"signalbox.dev/v2","kind":"Shard","metadata":{"name":"a"},"spec":{"endpoints":[]}}',
      ["apiVersion", "signalbox.dev/v1"],
    ],
    ["a cyclic alias", "kind: Shard\nspec: &spec\n  again: *spec\n", ["*spec", "never ends"]],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00]), ["not UTF-8"]],
    ["nothing at all", "", ["holds no document"]],
  ];
  for (const [name, input, messages] of badInputs) {
    test(`refuses ${name}, and says where`, async () => {
      const { apply } = createTenant(nats.url);
      const { code, stderr, stdout } = await apply(input);
      expect(code).toBe(1);
      expect(stdout).toBe("");
      for (const message of messages) expect(stderr).toContain(message);
    });
  }

  test("refuses a document of 2 MiB and names the limit", async () => {
    const { namespace, apply, document, run } = createTenant(nats.url);
    const parameters = { text: "x".repeat(2 * 2 ** 20) };
    const versions = [{ version: "1", placement: [{ shard: "pool" }], parameters }];
    const { code, stderr } = await apply(document("Model", "ranker", { versions }));
    expect(code).toBe(1);
    expect(stderr).toContain(`Model ${namespace}/ranker: is 2097`);
    expect(stderr).toContain("at most 1048576 (limit documentBytes)");
    expect((await run("get models -o json")).stdout.trim()).toBe("[]");
  });

  test("tells every problem at once: duplicate names, unknown fields with the nearest known one", async () => {
    const { namespace, apply, shard, document } = createTenant(nats.url);
    const misspelt = document("Shard", "b", { endpoint: [{ address: "127.0.0.1", port: 70_000 }], protocl: "http1" });
    const { code, stderr } = await apply([shard("a"), shard("a"), misspelt].join("\n---\n"));
    expect(code).toBe(1);
    expect(stderr).toContain(`Shard ${namespace}/b`);
    expect(stderr).toMatch(/protocl.*did you mean "?protocol/);
    const twice = await apply([shard("a"), shard("a")].join("\n---\n"));
    expect(twice.stderr).toContain(`Shard ${namespace}/a is there twice`);
  });

  test("goes on working beside garbage in the store", async () => {
    const { namespace, publishAll, apply, objective } = createTenant(nats.url);
    await publishAll();
    await putBytes(nats.url, `shard.${namespace}.broken`, "garbage");
    await putBytes(nats.url, `model.${namespace}.ranker`, "{}");
    const applied = await apply(objective({ rules: [{ name: "all", serve: { model: "ranker", version: "8" } }] }));
    expect(applied).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("diff", () => {
  test("shows what apply would do, field by field, and changes nothing", async () => {
    const { namespace, run, publishAll, shard, model, revisionOf } = createTenant(nats.url);
    await publishAll();
    const before = await revisionOf("shard", "pool");
    const file = join(temporaryFolder(), "documents.yaml");
    writeFileSync(file, [shard("pool", 9090), shard("other"), model()].join("\n---\n"));
    const environment = { NATS_URL: nats.url };
    const table = await signalbox(["diff", "-f", file], { environment });
    expect(table).toMatchObject({ code: 0, stderr: "" });
    expect(table.stdout).toContain(`Shard ${namespace}/pool would be updated\n`);
    expect(table.stdout).toContain("8080");
    expect(table.stdout).toContain("9090");
    expect(table.stdout).toContain(`Shard ${namespace}/other would be created\n`);
    expect(table.stdout).toContain(`Model ${namespace}/ranker is unchanged\n`);
    const json = await signalbox(["diff", "-f", file, "-o", "json", "--exit-code"], { environment });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout).map(({ change }: { change: string }) => change)).toEqual([
      "updated",
      "created",
      "unchanged",
    ]);
    expect(await revisionOf("shard", "pool")).toBe(before);
    expect((await run("get shard other")).code).toBe(1);
  });
});

describe("validate", () => {
  test("needs no NATS, tells every problem with its line, and names no problem as such", async () => {
    const { shard, document } = createTenant(nats.url);
    const file = join(temporaryFolder(), "shards.yaml");
    writeFileSync(file, [shard(), document("Shard", "B", { endpoints: [{ address: "x", port: 0 }] })].join("\n---\n"));
    const away = { environment: { NATS_URL: `nats://127.0.0.1:${await freePort()}` } };
    const table = await signalbox(["validate", "-f", file], away);
    expect(table.code).toBe(1);
    expect(table.stdout).toBe("");
    expect(table.stderr).toContain(`${file}:3: `);
    expect(table.stderr).toMatch(/\d+ problems\.\n$/);
    const json = await signalbox(["validate", "-f", file, "-o", "json"], away);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      documents: 1,
      problems: expect.arrayContaining([expect.objectContaining({ file, line: 3 })]),
    });
    writeFileSync(file, shard());
    expect(await signalbox(["validate", "-f", file], away)).toMatchObject({
      code: 0,
      stdout: "1 document, no problem.\n",
    });
  });

  test("takes what is published into account when told to", async () => {
    const { apply, shard, model } = createTenant(nats.url);
    await apply(shard());
    const environment = { NATS_URL: nats.url };
    const alone = await signalbox(["validate", "-f", "-"], { environment, input: model() });
    expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining("pool") });
    const live = await signalbox(["validate", "-f", "-", "--live"], { environment, input: model() });
    expect(live).toMatchObject({ code: 0, stderr: "" });
  });
});
