import { expect, test } from "vitest";
import type { LiveDocuments } from "../config/live-documents.ts";
import { emptyLiveDocuments } from "../config/settle.ts";
import { createLogger } from "../service/logger.ts";
import { createCurrentSelection } from "./current-selection.ts";
import { liveDocuments } from "./testing.ts";

function source() {
  const started = Promise.withResolvers<void>();
  let current = emptyLiveDocuments;
  let listener: ((live: LiveDocuments) => void) | undefined;
  const lines: string[] = [];
  const logger = createLogger({ name: "t", level: "info", destination: { write: (line) => lines.push(line) } });
  const selection = createCurrentSelection(
    {
      current: () => current,
      subscribe: (given) => {
        listener = given;
        return () => {
          listener = undefined;
        };
      },
      started: started.promise,
    },
    logger,
  );
  return {
    selection,
    lines,
    start: async () => {
      started.resolve();
      await started.promise;
    },
    update: (live: LiveDocuments) => {
      current = live;
      listener?.(live);
    },
  };
}

test("there is nothing until there are documents", () => {
  expect(source().selection.get()).toBeNull();
});

test("an empty store is something: every objective is unknown then", async () => {
  const { selection, start } = source();
  await start();
  expect(selection.get()?.objectives.size).toBe(0);
});

test("an update is swapped in whole", () => {
  const { selection, update } = source();
  update(liveDocuments);
  const before = selection.get();
  expect(before?.objectives.get("default/ranking")?.revision).toBe(5);
  update({ ...liveDocuments, revision: 6, objectives: new Map() });
  expect(selection.get()?.objectives.size).toBe(0);
  expect(before?.objectives.size).toBe(1);
});

test("an objective that cannot be compiled keeps its last good form, and is logged once", () => {
  const { selection, update, lines } = source();
  update(liveDocuments);
  const withoutModel = { ...liveDocuments, revision: 6, models: new Map() };
  update(withoutModel);
  update({ ...withoutModel, revision: 7 });
  expect(selection.get()?.objectives.get("default/ranking")?.revision).toBe(5);
  expect(lines.filter((line) => line.includes("cannot be compiled"))).toHaveLength(1);
});

test("after it was stopped it hears of nothing", () => {
  const { selection, update } = source();
  selection.stop();
  update(liveDocuments);
  expect(selection.get()).toBeNull();
});
