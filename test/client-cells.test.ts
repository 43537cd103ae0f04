import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type Answer,
  type CellQuestion,
  type CellSource,
  type ClientEvent,
  createSignalbox,
  type SignalboxOptions,
} from "../client/index.ts";
import { createSignalboxProvider } from "../client/openfeature.ts";
import { deferred } from "../config/deferred.ts";
import { type CellPlatform, startCellPlatform } from "./support/cell-platform.ts";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { makeTemporaryFolder, temporaryFolder } from "./support/processes.ts";
import { fromLabExperiment, publish, resolverDocuments } from "./support/resolver.ts";

let nats: TestNats;
let platform: CellPlatform;
let echo: EchoServer;

beforeAll(async () => {
  nats = await startNats(makeTemporaryFolder());
  await publish(nats.url, [...resolverDocuments, fromLabExperiment]);
  platform = await startCellPlatform(["other=control", "from-lab=treatment"]);
  echo = await startEchoServer();
});

afterAll(async () => {
  await nats?.stop();
  platform?.stop();
  await echo?.stop();
});

async function makeClient(cells: SignalboxOptions["cells"], options: Partial<SignalboxOptions> = {}) {
  const events: ClientEvent[] = [];
  const client = createSignalbox({
    nats: { servers: nats.url, activation: "immediate" },
    snapshotFolder: temporaryFolder(),
    timeoutMs: 20_000,
    onEvent: (event) => events.push(event),
    cells,
    ...options,
  });
  onTestFinished(() => client.close());
  await client.ready;
  return { client, missing: () => events.filter(({ type }) => type === "cells-missing") };
}

const patient = 20_000;
const french = { userId: "u1", country: "FR" };
const treated = { reason: "experiment", source: "local", config: { rule: "from-lab", variant: "treatment" } };

/** A platform in the caller's process: everybody is treated, and it writes down what it is asked. */
function inProcess() {
  const asked: CellQuestion[] = [];
  const source: CellSource = async (question) => {
    asked.push(question);
    return ["from-lab=treatment"];
  };
  return { asked, source };
}

describe("a client in local mode with an experiment platform", () => {
  test("asks it at its URL as a resolver does, once for a unit, with the fetch that it was given", async () => {
    const fetched: string[] = [];
    const own: typeof fetch = (input, init) => {
      fetched.push(String(input));
      return fetch(input, init);
    };
    const { client } = await makeClient({ source: platform.url, timeoutMs: patient }, { fetch: own });
    expect(await client.resolve("ranking", french)).toMatchObject(treated);
    expect(await client.resolve("ranking", french)).toMatchObject(treated);
    expect(platform.asked).toEqual(["/cells?key=k&namespace=default&attribute=userId&unit=u1"]);
    expect(fetched).toHaveLength(1);
  });

  test("asks it before the first documents are there, too", async () => {
    const { source } = inProcess();
    const client = createSignalbox({
      nats: { servers: nats.url, activation: "immediate" },
      snapshotFolder: temporaryFolder(),
      timeoutMs: patient,
      cells: { source, timeoutMs: patient },
    });
    onTestFinished(() => client.close());
    expect(await client.resolve("ranking", french)).toMatchObject(treated);
  });

  test("asks a function of the caller for several objectives, flags and inferences alike", async () => {
    const { asked, source } = inProcess();
    const { client } = await makeClient(
      { source, timeoutMs: patient },
      { envoyUrl: `http://127.0.0.1:${echo.http1Port}` },
    );
    const [outcome, unknown] = await client.resolveMany(["ranking", "unheard-of"], french);
    expect(outcome).toMatchObject({ answer: treated });
    expect(unknown).toMatchObject({ error: { code: "unknown_objective" } });

    const provider = createSignalboxProvider(client);
    const context = { targetingKey: "u2", country: "FR" };
    const flag = await provider.resolveStringEvaluation("ranking.rule", "", context, console);
    expect(flag).toMatchObject({ value: "from-lab", variant: "treatment" });

    const { answer } = await client.infer("ranking", { ...french, userId: "u3" }, { x: 1 }, { path: "/echo" });
    expect(answer).toMatchObject(treated);
    const ofUnit = (unit: string) => ({ namespace: "default", attribute: "userId", unit });
    expect(asked).toEqual([ofUnit("u1"), ofUnit("u2"), ofUnit("u3")]);
  });

  test("does not ask it when the context says its cells, has no unit or is for no such experiment, nor for an override", async () => {
    const { asked, source } = inProcess();
    const { client } = await makeClient({ source, timeoutMs: patient });
    const ruleOf = async (context: Parameters<typeof client.resolve>[1]) =>
      (await client.resolve("ranking", context)).config.variant;
    expect(await ruleOf({ ...french, cells: ["from-lab=control"] })).toBe("control");
    await client.resolve("ranking", { userId: "u1" });
    await client.resolve("ranking", { country: "FR" });
    const forced = client.resolve("ranking", french, { override: { version: "8" } });
    await expect(forced).rejects.toMatchObject({ code: "override_denied" });
    expect(asked).toEqual([]);
  });

  test("lets rules decide when it is late, says so, and uses the answer for the next call", async () => {
    const cells = deferred<readonly string[]>();
    const { client, missing } = await makeClient({ source: () => cells.promise, timeoutMs: 1 });
    expect(await client.resolve("ranking", french)).toMatchObject({ reason: "rule", config: { rule: "canary" } });
    const reason = "no answer of the experiment platform within 1 ms";
    expect(missing()).toEqual([{ type: "cells-missing", namespace: "default", attribute: "userId", reason }]);
    cells.resolve(["from-lab=treatment"]);
    await cells.promise;
    expect(await client.resolve("ranking", french)).toMatchObject(treated);
    expect(missing()).toHaveLength(1);
  });

  test.each<[string, (at: string) => CellSource | string, string, RegExp]>([
    ["answers 500", (url) => url, "u3", /answered 500/],
    ["answers something else", () => (async () => "from-lab=treatment") as never, "u1", /cells must be a list, found/],
    [
      "throws",
      () => () => {
        throw new Error("not connected");
      },
      "u1",
      /^not connected$/,
    ],
  ])("lets rules decide when it %s, and says why", async (_, source, userId, reason) => {
    const { client, missing } = await makeClient({ source: source(platform.url), timeoutMs: patient });
    const answer: Answer = await client.resolve("ranking", { ...french, userId });
    expect(answer).toMatchObject({ reason: "rule", source: "local" });
    expect(missing()).toEqual([expect.objectContaining({ reason: expect.stringMatching(reason) })]);
  });

  test("does not wait for it once a call is aborted; closed, it abandons the question", async () => {
    const asked = deferred<AbortSignal>();
    const source: CellSource = (_, signal) => {
      asked.resolve(signal);
      return new Promise(() => undefined);
    };
    const { client } = await makeClient({ source, timeoutMs: patient });
    const giveUp = new AbortController();
    const asking = client.resolve("ranking", french, { signal: giveUp.signal });
    const signal = await asked.promise;
    giveUp.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
    expect(signal.aborted).toBe(false);
    await client.close();
    expect(signal.aborted).toBe(true);
  });
});
