import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signalbox } from "./support/command-line.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { type Load, startLoad } from "./support/load.ts";
import { eventually } from "./support/processes.ts";
import { publishAndWait, publishDocuments } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { type System, startSystem } from "./support/system.ts";

let system: System;
let good: EchoServer;
let load: Load;

beforeAll(async () => {
  [good, system] = await Promise.all([startEchoServer({ name: "good" }), startSystem({ XDS_ROUTE_GRACE_MS: "200" })]);
  await publishAndWait(system, "moving", [
    sampleShard("good", [good.http1Port]),
    sampleModel("bystander", { "1": ["good"] }),
    sampleObjective("bystander", "bystander", "1"),
    sampleModel("moving", { "1": ["good"] }),
    sampleObjective("moving", "moving", "1", { policy: { retries: 0 } }),
  ]);
  load = startLoad({ url: `${system.envoyUrl}/hash`, headers: { "x-routing-key": "default/moving/moving@1" } });
  await load.untilSucceeded(20);
});

afterAll(async () => {
  await load?.stop();
  await system?.stop();
  await good?.stop();
});

async function heldReasons(): Promise<Record<string, string>> {
  const status = (await (await fetch(`${system.xdsUrl}/v1/status`)).json()) as {
    rollout?: { held: { objective: string; reason: string }[] };
  };
  return Object.fromEntries((status.rollout?.held ?? []).map(({ objective, reason }) => [objective, reason]));
}

test("a move to a shard that Envoy refuses costs no request, says why, and holds nobody else up", async () => {
  const tls = { caFile: "/there/is/no/such/file.pem" };
  await publishDocuments(system.natsUrl, [
    sampleShard("bad", [good.http1Port], { tls }),
    sampleModel("moving", { "1": ["bad"] }),
  ]);
  await eventually("it is held back, with the reason", async () =>
    (await heldReasons())["default/moving"]?.includes("no/such/file.pem"),
  );
  await publishAndWait(system, "bystander", [
    sampleObjective("bystander", "bystander", "1", { policy: { retries: 2 } }),
  ]);
  await load.untilSucceeded(100);
  expect(load.failures).toEqual([]);
  await publishDocuments(system.natsUrl, [sampleModel("moving", { "1": ["good"] })]);
  await eventually("nothing is held back", async () => Object.keys(await heldReasons()).length === 0);
  await load.untilSucceeded(100);
  expect(load.failures).toEqual([]);
});

describe("a lazy objective is as safe", () => {
  const lazily = { policy: { loading: "lazy" } } as const;
  const names = ["loaded", "asleep"];

  /** By the resolver; undefined when it knows of none. */
  async function versionOf(objective: string): Promise<string | undefined> {
    const response = await fetch(`${system.resolverUrl}/v1/resolve`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ objective, context: {} }),
    });
    return ((await response.json()) as { config?: { version: string } }).config?.version;
  }

  /** By Envoy, of the version that the resolver says. */
  async function served(objective: string): Promise<string> {
    const key = `default/${objective}/lazy@${await versionOf(objective)}`;
    const response = await fetch(`${system.envoyUrl}/hash`, {
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
      expect((await heldReasons())[`default/${name}`]).toContain("no/such/file.pem");
      expect(await served(name)).toBe("200 lazy@1 default/good");
    }
    await publishAndWait(system, "bystander", [
      sampleObjective("bystander", "bystander", "1", { policy: { retries: 1 } }),
    ]);

    await publishDocuments(system.natsUrl, [sampleShard("lazy-bad", [good.http1Port])]);
    await untilLive("2");
    for (const name of names) expect(await served(name)).toBe("200 lazy@2 default/lazy-bad");
  });
});
