import { type Experiment, type ExperimentInput, experimentSchema } from "../config/documents/experiment.ts";
import { type Holdout, holdoutSchema } from "../config/documents/holdout.ts";
import { digestOf, encodeDigests, noAudiences } from "./audience.ts";
import type { Context } from "./context.ts";
import { armOf, compileExperiment, type Refusal } from "./experiment.ts";
import { createShares } from "./share.ts";

const about =
  "Golden vectors of docs/bucketing.md and docs/selection.md. Frozen: an implementation that disagrees is wrong.";
const apiVersion = "signalbox.dev/v1";

export type ExperimentVectors = {
  readonly about: string;
  readonly holdouts: readonly Holdout[];
  readonly experiments: readonly Experiment[];
  readonly contexts: readonly Context[];
  /** By context, in their order: the name of the arm, or why the experiment did not take the context. */
  readonly runs: readonly { readonly experiment: string; readonly now: string; readonly outcomes: readonly string[] }[];
};

/** Which arm of experiments with layers, holdouts, times and cells a hundred contexts fall into. */
export function buildExperimentVectors(): ExperimentVectors {
  const runs = vectorExperiments.flatMap((experiment) => {
    const moments = experiment.spec.start === undefined ? [middle] : timedMoments;
    return moments.map((now) => ({
      experiment: experiment.metadata.name,
      now,
      outcomes: vectorContexts.map((context) => outcomeOf(experiment, context, Date.parse(now))),
    }));
  });
  return { about, holdouts: vectorHoldouts, experiments: vectorExperiments, contexts: vectorContexts, runs };
}

export type AudienceVectors = {
  readonly about: string;
  /** What an Audience of the members holds. */
  readonly digests: string;
  readonly cases: readonly { readonly text: string; readonly digest: number; readonly member: boolean }[];
};

/** The digests of texts, and an audience of every second of them. */
export function buildAudienceVectors(): AudienceVectors {
  const texts = ["a", "42", "user-1", "naïve-ü", "😀", " ", "A", "e\u0301", "\u00e9", "x".repeat(1000)];
  const more = Array.from({ length: 90 }, (_, index) => `member ${index}`);
  const cases = [...texts, ...more].map((text, index) => ({ text, digest: digestOf(text), member: index % 2 === 0 }));
  return { about, digests: encodeDigests(cases.flatMap(({ digest, member }) => (member ? digest : []))), cases };
}

function outcomeOf(experiment: Experiment, context: Context, nowMs: number): string {
  // Arms only say which they are: what they get in an objective is not looked at.
  const targets: readonly never[] = [];
  const around = { holdouts: vectorHoldouts, audiences: noAudiences, shareOf: createShares() };
  const compiled = compileExperiment({ experiment, targets, ...around });
  const arm: number | Refusal = armOf(compiled, context, nowMs);
  return typeof arm === "number" ? (experiment.spec.arms[arm]?.name ?? "") : arm;
}

const middle = "2026-11-21T12:00:00.000Z";
const timedMoments = [
  "2026-11-21T07:59:59.999Z",
  "2026-11-21T08:00:00.000Z",
  middle,
  "2026-11-21T23:59:59.999Z",
  "2026-11-22T00:00:00.000Z",
];

const vectorHoldouts = [
  holdout("global", { percent: 10 }),
  holdout("accounts", { percent: 25.5, unit: "account", iteration: 2 }),
];

const vectorExperiments = [
  experiment("plain", {}),
  experiment("again", { iteration: 2 }),
  experiment("copied", { salt: "experiment:default/plain" }),
  experiment("weighted", {
    unit: "account",
    iteration: 3,
    salt: "shared: ü",
    arms: [
      { name: "control", weight: 34 },
      { name: "treatment", weight: 33 },
      { name: "other", weight: 20.5 },
    ],
  }),
  experiment("first-slices", {
    layer: {
      name: "ranking",
      slices: [
        { from: 0, to: 20 },
        { from: 60, to: 75.5 },
      ],
    },
  }),
  experiment("second-slice", { layer: { name: "ranking", slices: [{ from: 20, to: 60 }] } }),
  experiment("targeted", { when: { country: "US", not: { staff: true } } }),
  experiment("timed", { start: "2026-11-21T09:00:00+01:00", end: "2026-11-22T00:00:00Z" }),
  experiment("from-lab", { unit: "lab", allocation: { by: "cells", key: "lab=7" } }),
  experiment("from-lab-held", { allocation: { by: "cells", attribute: "cells" } }),
];

const vectorContexts: readonly Context[] = [
  ...Array.from({ length: 80 }, (_, index) => ({
    userId: `user-${index}`,
    account: `account-${index % 30}`,
    country: index % 3 === 0 ? "DE" : "US",
    staff: index % 7 === 0,
  })),
  ...[42, -1.5, 1e21, 2 ** 53 - 1].map((userId) => ({ userId, account: String(userId), country: "US" })),
  ...["", "naïve-ü", "😀", " "].map((userId) => ({ userId, account: userId, country: "US" })),
  {},
  { userId: true, account: ["a"], country: "US" },
  { userId: "user-1", cells: ["other=control", "lab=7=treatment", "lab=7=control"] },
  { userId: "user-1", cells: "lab=7=control" },
  { userId: "user-1", cells: ["lab=70=control", "lab=7=nobody"] },
  { cells: ["from-lab-held=control"] },
  { userId: "user-1", cells: ["from-lab-held=control"] },
  { userId: "user-20", cells: "from-lab-held=treatment" },
  { userId: "user-1", cells: [] },
  { userId: "user-1", cells: 7 },
];

function experiment(name: string, spec: Partial<ExperimentInput["spec"]>): Experiment {
  const target = { model: "ranker", version: "7" };
  const arms = spec.arms ?? [{ name: "control" }, { name: "treatment" }];
  const targets = [{ objective: "ranking", arms: Object.fromEntries(arms.map((arm) => [arm.name, target])) }];
  return experimentSchema.parse({
    apiVersion,
    kind: "Experiment",
    metadata: { name },
    spec: { arms, targets, ...spec },
  });
}

function holdout(name: string, spec: object): Holdout {
  return holdoutSchema.parse({ apiVersion, kind: "Holdout", metadata: { name }, spec });
}
