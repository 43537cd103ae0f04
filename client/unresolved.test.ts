import { expect, test } from "vitest";
import { SignalboxClientError } from "./client-error.ts";
import type { Source } from "./source.ts";
import { answer, never, question, recordEvents } from "./testing.ts";
import { resolveOrUnresolved } from "./unresolved.ts";

const sourceOf = (resolve: Source["resolve"]): Source => ({
  resolve,
  defaultFor: () => undefined,
  ready: never(),
  close: async () => undefined,
});
const failing = (code: "unavailable" | "unknown_objective") =>
  sourceOf(() => Promise.reject(new SignalboxClientError(code, "nobody answers")));

test("what the source answers is the answer", async () => {
  const { emit, events } = recordEvents();
  expect(
    await resolveOrUnresolved(
      sourceOf(() => answer),
      question(),
      emit,
      undefined,
    ),
  ).toBe(answer);
  expect(events).toEqual([]);
});

test("when nothing is known, the key names no version, the labels stay, and it is told", async () => {
  const { emit, events } = recordEvents();
  const asked = question("1", { labels: { client: "web" } });
  expect(await resolveOrUnresolved(failing("unavailable"), asked, emit, undefined)).toMatchObject({
    source: "unresolved",
    headers: { "x-routing-key": "default/ranking/unresolved@unresolved", "x-signalbox-client": "web" },
    fallbackKeys: [],
  });
  const [objective, reason] = ["default/ranking", "nobody answers"];
  expect(events).toEqual([{ type: "fell-back", objective, source: "unresolved", reason }]);
});

test("a refusal stays one, and a forced version is never replaced", async () => {
  const { emit } = recordEvents();
  await expect(resolveOrUnresolved(failing("unknown_objective"), question(), emit, undefined)).rejects.toMatchObject({
    code: "unknown_objective",
  });
  const forced = question("1", { override: { version: "8" } });
  await expect(resolveOrUnresolved(failing("unavailable"), forced, emit, undefined)).rejects.toMatchObject({
    code: "unavailable",
  });
});
