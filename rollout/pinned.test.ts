import { describe, expect, test } from "vitest";
import { modelSchema } from "../config/documents/model.ts";
import { objectiveSchema } from "../config/documents/objective.ts";
import { type PinInput, pinSchema } from "../config/documents/pin.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { emptyLiveDocuments } from "../config/settle.ts";
import { createCurrentSelection } from "./current-selection.ts";
import { setPinnedAside } from "./pinned.ts";
import { sampleStatus } from "./testing.ts";

const apiVersion = "signalbox.dev/v1";
const model = modelSchema.parse({
  ...{ apiVersion, kind: "Model", metadata: { name: "ranker" } },
  spec: { versions: ["1", "2"].map((version) => ({ version, placement: [{ shard: "a" }] })) },
});
const objective = (version: string) =>
  objectiveSchema.parse({
    ...{ apiVersion, kind: "Objective", metadata: { name: "ranking" } },
    spec: { default: { model: "ranker", version } },
  });
const pin = (spec: PinInput["spec"]) => pinSchema.parse({ apiVersion, kind: "Pin", metadata: { name: "eu" }, spec });

/** Objective `default/ranking`, which serves `version` since `revision`, and perhaps a pin. */
const live = (version: string, revision: number, spec?: PinInput["spec"]): LiveDocuments => ({
  ...emptyLiveDocuments,
  revision: 10,
  models: new Map([["default/ranker", { document: model, revision: 1 }]]),
  objectives: new Map([["default/ranking", { document: objective(version), revision }]]),
  pins: new Map(spec ? [["default/eu", { document: pin(spec), revision: 6 }]] : []),
});

const waiting = { revision: 10, waiting: new Map([["default/ranking", { revision: 8, activeRevision: 5 }]]) };

describe("an objective that waits", () => {
  test("is set aside for the groups of a pin, whatever the xds-servers report", () => {
    const { candidates, pinned } = setPinnedAside(waiting, live("2", 8, { groups: ["eu"], revision: 6 }), "eu");
    expect(candidates.waiting.size).toBe(0);
    expect(pinned.get("default/ranking")).toMatchObject({ heldBy: "pin.default.eu", revision: 6 });
    expect(pinned.get("default/ranking")?.reason).toContain("held by Pin default/eu at revision 6");
  });

  test("goes on in other groups, and when it came before the pin", () => {
    const spec = { groups: ["eu"], revision: 6 };
    expect(setPinnedAside(waiting, live("2", 8, spec), "us").candidates).toBe(waiting);
    expect(setPinnedAside(waiting, live("2", 8, { ...spec, revision: 8 }), "eu").pinned.size).toBe(0);
    expect(setPinnedAside(waiting, live("2", 8), "eu").pinned.size).toBe(0);
  });
});

describe("what answers in a group that is pinned", () => {
  const follow = (group: string | undefined, history?: (revision: number) => Promise<LiveDocuments>) => {
    let reported = 0;
    let listener: (documents: LiveDocuments) => void = () => undefined;
    const selection = createCurrentSelection({
      source: {
        current: () => emptyLiveDocuments,
        subscribe: (given) => {
          listener = given;
          return () => undefined;
        },
        started: new Promise(() => undefined),
      },
      statuses: { current: () => [sampleStatus("xds-server", "x", reported)], subscribe: () => () => undefined },
      logger: { warn: () => undefined, error: () => undefined },
      now: () => new Date(0),
      ...{ group, history },
    });
    const version = () => selection.get()?.objectives.get("default/ranking")?.objective.spec.default.version;
    const update = (documents: LiveDocuments) => {
      reported = documents.revision;
      listener(documents);
    };
    return { selection, version, update };
  };
  const spec = { groups: ["eu"], revision: 6 };

  test("stays what it was until the pin goes, and is reported as held by it", () => {
    const eu = follow("eu");
    eu.update({ ...live("1", 5), revision: 5 });
    eu.update({ ...live("1", 5, spec), revision: 6 });
    eu.update(live("2", 8, spec));
    expect(eu.version()).toBe("1");
    expect(eu.selection.report()).toMatchObject({
      watermark: 10,
      held: [{ objective: "default/ranking", activeRevision: 6, heldBy: "pin.default.eu" }],
    });
    eu.update({ ...live("2", 8), revision: 11 });
    expect(eu.version()).toBe("2");
    expect(eu.selection.report()?.held).toEqual([]);
  });

  test("changes at once in another group, and in none", () => {
    for (const group of ["us", undefined]) {
      const other = follow(group);
      other.update({ ...live("1", 5), revision: 5 });
      other.update(live("2", 8, spec));
      expect(other.version()).toBe("2");
    }
  });

  test("is read from the history by a process that starts without any", async () => {
    const asked: number[] = [];
    const eu = follow("eu", async (revision) => {
      asked.push(revision);
      return { ...live("1", 5), revision };
    });
    eu.update(live("2", 8, spec));
    expect(eu.version()).toBeUndefined();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual([6]);
    expect(eu.version()).toBe("1");
  });
});
