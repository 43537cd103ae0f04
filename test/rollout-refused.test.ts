import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signalbox } from "./support/command-line.ts";
import { type MovingWorld, startMovingWorld } from "./support/moving-world.ts";
import { eventually } from "./support/processes.ts";
import { publishDocuments } from "./support/publish.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let world: MovingWorld;

beforeAll(async () => {
  world = await startMovingWorld();
});

afterAll(() => world?.stop());

test("a move to a shard that Envoy refuses costs no request, says why, and holds nobody else up", async () => {
  const { system, good, load } = world;
  const tls = { caFile: "/there/is/no/such/file.pem" };
  await publishDocuments(system.natsUrl, [
    sampleShard("bad", [good.http1Port], { tls }),
    sampleModel("moving", { "1": ["bad"] }),
  ]);
  await eventually("it is held back, with the reason", async () =>
    (await world.heldReasons())["default/moving"]?.includes("no/such/file.pem"),
  );
  await world.changeBystander();
  await load.untilSucceeded(100);
  expect(load.failures).toEqual([]);
  await world.moveTo("good");
  await eventually("nothing is held back", async () => Object.keys(await world.heldReasons()).length === 0);
  await load.untilSucceeded(100);
  expect(load.failures).toEqual([]);
});

describe("a lazy objective is as safe", () => {
  const lazily = { policy: { loading: "lazy" } } as const;
  const names = ["loaded", "asleep"];

  /** By the resolver; undefined when it knows of none. */
  const versionOf = async (objective: string) => (await resolveAt(world.system.resolverUrl, objective)).config?.version;

  /** By Envoy, of the version that the resolver says. */
  async function served(objective: string): Promise<string> {
    const key = `default/${objective}/lazy@${await versionOf(objective)}`;
    const response = await fetch(`${world.system.envoyUrl}/hash`, {
      method: "POST",
      headers: { "x-routing-key": key },
      body: "hello",
    });
    await response.arrayBuffer();
    return `${response.status} ${response.headers.get("x-signalbox-model")} ${response.headers.get("x-signalbox-shard")}`;
  }

  const untilLive = (version: string) =>
    eventually(`version ${version} is live`, async () => {
      const versions = await Promise.all(names.map(versionOf));
      return versions.every((each) => each === version);
    });

  test("asked for before or not: it stays as it was while Envoy refuses its new shard, and everybody hears why", async () => {
    const { system, good } = world;
    await publishDocuments(system.natsUrl, [
      sampleModel("lazy", { "1": ["good"] }),
      ...names.map((name) => sampleObjective(name, "lazy", "1", lazily)),
    ]);
    await untilLive("1");
    expect(await served("loaded")).toBe("200 lazy@1 default/good");

    const refused = sampleShard("lazy-bad", [good.http1Port], { tls: { caFile: "/there/is/no/such/file.pem" } });
    const changed = [
      sampleModel("lazy", { "1": ["good"], "2": ["lazy-bad"] }),
      ...names.map((name) => sampleObjective(name, "lazy", "2", lazily)),
    ];
    const input = [refused, ...changed].map((document) => JSON.stringify(document)).join("\n---\n");
    const { environment } = system;
    const { code, stdout } = await signalbox(["apply", "-f", "-", "--timeout", "5s"], { input, environment });
    expect(code).toBe(1);
    expect(stdout).toMatch(/Shard default\/lazy-bad created.*rejected[^\n]*\n {2}envoy \S+: .*no\/such\/file\.pem/);
    for (const name of names) {
      expect(stdout).toMatch(new RegExp(`Objective default/${name} updated.*held back, what was live stays live`));
      expect((await world.heldReasons())[`default/${name}`]).toContain("no/such/file.pem");
      expect(await served(name)).toBe("200 lazy@1 default/good");
    }
    await world.changeBystander();

    await publishDocuments(system.natsUrl, [sampleShard("lazy-bad", [good.http1Port])]);
    await untilLive("2");
    for (const name of names) expect(await served(name)).toBe("200 lazy@2 default/lazy-bad");
  });
});
