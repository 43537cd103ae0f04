import { expect, onTestFinished, test } from "vitest";
import { fakeTransport, recordEvents, resolution } from "../testing.ts";
import { createKnownDefaults } from "./defaults.ts";
import type { DefaultsFile } from "./defaults-file.ts";

const defaultOf = (objective: string) => resolution("7", { objective, reason: "default" });

/** A namespace's only default is that of its objective `ranking`, unless `objectives` says otherwise. */
function makeDefaults(file: DefaultsFile | null = null) {
  const transport = fakeTransport("http://first");
  const asked = new Set<string>();
  const objectives = new Map<string, readonly string[]>();
  transport.defaults = async (namespace, knownVersion) => {
    asked.add(namespace);
    const names = objectives.get(namespace) ?? ["ranking"];
    const version = names.join();
    return version === knownVersion
      ? null
      : { version, resolutions: names.map((name) => defaultOf(`${namespace}/${name}`)) };
  };
  const { emit, events, types } = recordEvents();
  const pool = { ask: <T>(call: (to: typeof transport, signal: AbortSignal) => Promise<T>) => call(transport, never) };
  const defaults = createKnownDefaults({ pool, namespace: "default", file, refreshMs: 100, emit });
  onTestFinished(() => defaults.close());
  return { defaults, asked, objectives, events, types };
}

const never = new AbortController().signal;

test("objectives that came are known, and those that went are not; the listener hears of both, and of nothing else", async () => {
  const { defaults, objectives, types } = makeDefaults();
  await defaults.ready;
  expect([defaults.get("default/ranking")?.config.version, defaults.get("default/search")]).toEqual(["7", undefined]);
  objectives.set("default", ["search"]);
  await expect.poll(() => defaults.get("default/search")?.config.version).toBe("7");
  expect(defaults.get("default/ranking")).toBeUndefined();
  expect(types()).toEqual(["changed", "changed"]);
});

test("the defaults of another namespace are asked for once somebody wants them, of sixty-four at most", async () => {
  const { defaults, asked } = makeDefaults();
  await defaults.ready;
  expect([...asked]).toEqual(["default"]);
  for (let n = 1; n < 100; n++) defaults.want(`team-${n}`);
  await expect.poll(() => defaults.get("team-1/ranking")?.config.version).toBe("7");
  await expect.poll(() => asked.size).toBe(64);
  expect(defaults.get("default/ranking")?.config.version).toBe("7");
  expect(defaults.get("team-64/ranking")).toBeUndefined();
});

test("a file that cannot be written is told of, and hinders nothing", async () => {
  const save = () => Promise.reject(new Error("no space left"));
  const { defaults, events } = makeDefaults({ load: async () => [], save });
  await defaults.ready;
  await expect.poll(() => events).toContainEqual({ type: "snapshot-not-written", reason: "no space left" });
  expect(defaults.get("default/ranking")?.config.version).toBe("7");
});
