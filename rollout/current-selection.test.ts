import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import type { LiveDocuments } from "../config/live-documents.ts";
import { emptyLiveDocuments, settle } from "../config/settle.ts";
import { liveDocuments } from "../resolver/testing.ts";
import { createLogger } from "../service/logger.ts";
import { stored, writtenModel, writtenObjective, writtenShard } from "../test/support/written-documents.ts";
import { type CurrentSelection, createCurrentSelection } from "./current-selection.ts";
import type { HeldObjective, ProcessStatus } from "./process-status.ts";
import { sampleHeld, sampleStatus } from "./testing.ts";

/** So many objectives in an edition. */
function manyDocuments(objectives: number, ttlMs: number, from: LiveDocuments = emptyLiveDocuments): LiveDocuments {
  const fixed = from.revision === 0 ? [writtenShard("s"), writtenModel("m", ["1"], "s")] : [];
  const names = Array.from({ length: objectives }, (_, index) => `o${index}`);
  const all = [...fixed, ...names.map((name) => writtenObjective(name, "m", "1", { policy: { ttlMs } }))];
  return settle(
    from,
    all.map((each, index) => stored(from.revision + index + 1, each)),
    new Date(0),
  );
}

/** Without `statuses`, every revision is activated at once. */
function source(statuses?: readonly ProcessStatus[] | null, history?: (revision: number) => Promise<LiveDocuments>) {
  let alive = statuses;
  let onStatus = () => {};
  const started = Promise.withResolvers<void>();
  let current = emptyLiveDocuments;
  let listener: ((live: LiveDocuments) => void) | undefined;
  const lines: string[] = [];
  const logger = createLogger({ name: "t", level: "info", destination: { write: (line) => lines.push(line) } });
  const selection = createCurrentSelection({
    source: {
      current: () => current,
      subscribe: (given) => {
        listener = given;
        return () => {
          listener = undefined;
        };
      },
      started: started.promise,
    },
    statuses:
      alive === undefined
        ? null
        : {
            current: () => alive ?? null,
            subscribe: (given) => {
              onStatus = given;
              return () => {};
            },
          },
    history,
    logger,
    now: () => new Date(0),
    pace: (work) => ({ ask: work, stop: () => {} }),
  });
  return {
    selection,
    lines,
    start: async () => {
      started.resolve();
      await started.promise;
    },
    report: (given: readonly ProcessStatus[] | null) => {
      alive = given;
      onStatus();
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

test("a large update answers all at once at its end, and nothing of it before", async () => {
  const { selection, update } = source();
  const first = manyDocuments(300, 1);
  update(first);
  await expect.poll(() => selection.get()?.live, { timeout: 20_000 }).toBe(first);
  let clockMs = 0;
  // Everything takes as long as a piece may.
  const clock = vi.spyOn(performance, "now").mockImplementation(() => clockMs++);
  try {
    const second = manyDocuments(300, 2, first);
    update(second);
    let turnsBefore = 0;
    for (; selection.get()?.live === first; turnsBefore++) {
      const revisions = [...(selection.get()?.objectives.values() ?? [])].map(({ revision }) => revision);
      expect(Math.max(...revisions)).toBeLessThanOrEqual(first.revision);
      await turn();
    }
    expect(turnsBefore).toBeGreaterThan(300);
    const revisions = [...(selection.get()?.objectives.values() ?? [])].map(({ revision }) => revision);
    expect(revisions).toHaveLength(300);
    expect(Math.min(...revisions)).toBeGreaterThan(first.revision);
  } finally {
    clock.mockRestore();
  }
});

test("after it was stopped it hears of nothing", () => {
  const { selection, update } = source();
  selection.stop();
  update(liveDocuments);
  expect(selection.get()).toBeNull();
});

describe("with xds-servers", () => {
  const shard = (revision: number) => ({ ...liveDocuments, revision, objectives: atRevision(revision) });
  const atRevision = (revision: number) =>
    new Map([...liveDocuments.objectives].map(([name, { document }]) => [name, { document, revision }]));
  const server = (watermark: number, held: readonly HeldObjective[] = []) =>
    sampleStatus("xds-server", "x1", watermark, { held });
  const answered = (selection: CurrentSelection) => selection.get()?.objectives.get("default/ranking")?.revision;

  test("a new revision answers once every xds-server reports it, and the old one until then", () => {
    const { selection, update, report } = source([server(5)]);
    update(liveDocuments);
    expect(answered(selection)).toBe(5);
    update(shard(6));
    expect(answered(selection)).toBe(5);
    expect(selection.report()).toMatchObject({ watermark: 6, held: [{ revision: 6, activeRevision: 5 }] });
    report([server(6), { ...server(5), id: "x2" }]);
    expect(answered(selection)).toBe(5);
    report([server(6), { ...server(6), id: "x2" }]);
    expect(answered(selection)).toBe(6);
    expect(selection.report()).toEqual({ watermark: 6, held: [] });
  });

  test("an objective that is held back goes on with its former revision, and the reason is known", () => {
    const { selection, update, report } = source([server(5)]);
    update(liveDocuments);
    update(shard(6));
    report([server(6, [sampleHeld("default/ranking", 5, 6)])]);
    expect(answered(selection)).toBe(5);
    expect(selection.get()?.held?.get("default/ranking")).toEqual([
      "xds-server x1: shard default/slow has no ready host",
    ]);
  });

  test.each([2, 5, 8])(
    "of ten objectives the %i that are held back answer in their former form, until they are not",
    (many) => {
      const first = manyDocuments(10, 1);
      const second = manyDocuments(10, 2, first);
      const names = [...second.objectives.keys()].sort();
      const held = names.slice(0, many);
      const { selection, update, report } = source([server(first.revision)]);
      update(first);
      update(second);
      const answeredAt = () => names.map((name) => selection.get()?.objectives.get(name)?.revision);
      const revisions = (live: LiveDocuments, of: readonly string[]) =>
        of.map((name) => live.objectives.get(name)?.revision);
      expect(answeredAt()).toEqual(revisions(first, names));
      report([
        server(
          second.revision,
          held.map((name) => sampleHeld(name, first.revision, second.revision)),
        ),
      ]);
      expect(answeredAt()).toEqual([...revisions(first, held), ...revisions(second, names.slice(many))]);
      expect(
        selection
          .report()
          ?.held.map(({ objective }) => objective)
          .sort(),
      ).toEqual(held);
      expect([...selection.former().keys()].sort()).toEqual(held);
      report([server(second.revision)]);
      expect(answeredAt()).toEqual(revisions(second, names));
      expect([selection.report()?.held, selection.former().size]).toEqual([[], 0]);
    },
  );

  test("without any xds-server what is active stays active", () => {
    const { selection, update, report } = source([server(5)]);
    update(liveDocuments);
    report([]);
    update(shard(6));
    expect(answered(selection)).toBe(5);
    report(null);
    expect(answered(selection)).toBe(5);
  });

  test("started where there is no xds-server, it answers from the documents as they are", () => {
    const { selection, update } = source([]);
    update(liveDocuments);
    expect(answered(selection)).toBe(5);
    update(shard(6));
    expect(answered(selection)).toBe(5);
  });

  test("while it is not known who is alive, nothing is activated", () => {
    const { selection, update, report } = source(null);
    update(liveDocuments);
    expect(selection.get()).toBeNull();
    report([server(5)]);
    expect(answered(selection)).toBe(5);
  });

  test("started again, it answers what is held back from the documents that it wrote down", () => {
    const { selection, update } = source([server(6, [sampleHeld("default/ranking", 5, 6)])]);
    selection.startFrom(shard(6), new Map([["default/ranking", liveDocuments]]));
    expect(answered(selection)).toBe(5);
    update({ ...shard(6), revision: 7 });
    expect(answered(selection)).toBe(5);
    expect(selection.former().get("default/ranking")).toBe(liveDocuments);
  });

  test("started anew, it reads what is held back from the history, as the xds-servers serve it", async () => {
    const asked: number[] = [];
    const { selection, update } = source([server(6, [sampleHeld("default/ranking", 5, 6)])], async (revision) => {
      asked.push(revision);
      return liveDocuments;
    });
    update(shard(6));
    await new Promise(setImmediate);
    expect(answered(selection)).toBe(5);
    expect(asked).toEqual([5]);
    expect(selection.report()?.held).toMatchObject([{ revision: 6, activeRevision: 5 }]);
  });

  test("started amid a change, it answers what is on its way to the Envoys as these have it so far", async () => {
    const { selection, update, report } = source([server(5), server(6)], async () => liveDocuments);
    update(shard(6));
    expect(selection.isDecided()).toBe(false);
    await new Promise(setImmediate);
    expect(selection.isDecided()).toBe(true);
    expect(answered(selection)).toBe(5);
    report([server(6)]);
    expect(answered(selection)).toBe(6);
  });

  test("started with documents that are older than those of the xds-servers, it is not ready to answer", async () => {
    const { selection, update, report } = source([server(6)], async () => liveDocuments);
    update(liveDocuments);
    await new Promise(setImmediate);
    expect(selection.isDecided()).toBe(false);
    report([server(6), sampleStatus("xds-server", "x2", 5)]);
    update(shard(6));
    await new Promise(setImmediate);
    expect(selection.isDecided()).toBe(true);
    expect(answered(selection)).toBe(5);
  });

  test("of many objectives that are held back, the history is read once for each revision", async () => {
    const documents = (revision: number) => {
      const [sample] = liveDocuments.objectives.values();
      const names = Array.from({ length: 3 }, (_, n) => `default/o${n}`);
      const objectives = new Map(sample ? names.map((name) => [name, { document: sample.document, revision }]) : []);
      return { ...liveDocuments, revision, objectives };
    };
    let reads = 0;
    const { selection, update } = source([server(5)], async () => {
      reads++;
      return documents(5);
    });
    update(documents(6));
    await new Promise(setImmediate);
    expect(reads).toBe(1);
    expect(selection.get()?.objectives.size).toBe(3);
    expect(selection.report()?.held.map(({ activeRevision }) => activeRevision)).toEqual([5, 5, 5]);
  });
});
