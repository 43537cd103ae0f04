import { afterEach, expect, test } from "vitest";
import type { SignalboxOptions } from "./options.ts";
import { createSignalbox, type Signalbox } from "./signalbox.ts";
import { resolution } from "./testing.ts";

type Asked = { readonly namespace: string; readonly objectives: readonly string[] };

let client: Signalbox;
afterEach(() => client.close());

/** A client of a resolver that knows the objective `ranking` of every namespace, and no other. */
function makeClient(options: Partial<SignalboxOptions> = {}) {
  const asked: Asked[] = [];
  const fetch = async (_url: string, init: RequestInit = {}) => {
    if (init.method !== "POST") return Response.json({ results: [] }, { headers: { etag: '"1"' } });
    const { namespace, objectives } = JSON.parse(String(init.body)) as Asked;
    asked.push({ namespace, objectives });
    const results = objectives.map((name) =>
      name === "ranking"
        ? resolution("8", { objective: `${namespace}/${name}` })
        : { error: { code: "unknown_objective", message: "There is no such objective" } },
    );
    return Response.json({ results });
  };
  client = createSignalbox({
    resolverUrl: "http://resolver.test",
    fetch: fetch as typeof globalThis.fetch,
    timeoutMs: 20_000,
    ...options,
  });
  return { client, asked };
}

test("an objective is one of the client's namespace, or of the call's", async () => {
  const { client, asked } = makeClient({ namespace: "team-a" });
  const context = { userId: "1" };
  expect((await client.resolve("ranking", context)).objective).toBe("team-a/ranking");
  expect((await client.resolve("ranking", context, { namespace: "team-b" })).objective).toBe("team-b/ranking");
  expect((await client.resolve("ranking", context)).source).toBe("cache");
  expect(asked.map(({ namespace }) => namespace)).toEqual(["team-a", "team-b"]);
});

test("several objectives have an answer or an error each, under their full names", async () => {
  const { client } = makeClient();
  expect(await client.resolveMany(["ranking", "nothing"], { userId: "1" }, { namespace: "team-b" })).toMatchObject([
    { objective: "team-b/ranking", answer: { source: "resolver" } },
    { objective: "team-b/nothing", error: { code: "unknown_objective" } },
  ]);
});

test("an abort ends a call for several objectives as it ends one", async () => {
  const { client } = makeClient();
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(client.resolveMany(["ranking"], {}, { signal })).rejects.toThrow("enough");
});
