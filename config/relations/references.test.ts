import { expect, test } from "vitest";
import { writtenModel, writtenObjective } from "../../test/support/written-documents.ts";
import type { SignalboxDocument } from "../documents/document.ts";
import { sketchOf } from "../sketch.ts";
import { validateDocument } from "../validate.ts";
import { audiencesIn, referencedKeys, referencesOf } from "./references.ts";

function valid(written: unknown): SignalboxDocument {
  const validation = validateDocument(written);
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
  return validation.document;
}

const named = (document: SignalboxDocument) =>
  referencesOf(document).map(({ kind, name, version, path }) => [kind, name, version, path]);

const home = valid(
  writtenObjective("home", "ranker", "7", {
    rules: [
      {
        name: "a",
        when: { or: [{ x: 1 }, { not: { id: { inAudience: "vip" } } }] },
        serve: { model: "m", version: "1" },
      },
      {
        name: "b",
        when: { id: { inAudience: "beta" } },
        split: { variants: [{ name: "v", weight: 1, model: "m", version: "2" }] },
      },
    ],
    shadow: [{ model: "next", version: "1", percent: 1 }],
  }),
);

test("everything that a document names is told with its place", () => {
  expect(named(home)).toEqual([
    ["Model", "ranker", "7", "spec.default"],
    ["Model", "m", "1", "spec.rules[0].serve"],
    ["Model", "m", "2", "spec.rules[1].split.variants[0]"],
    ["Model", "next", "1", "spec.shadow[0]"],
    ["Audience", "vip", undefined, "spec.rules[0].when.or[1].not.id.inAudience"],
    ["Audience", "beta", undefined, "spec.rules[1].when.id.inAudience"],
  ]);
  expect(named(valid(writtenModel("ranker", ["7", "8"], "gpu-a")))).toEqual([
    ["Shard", "gpu-a", undefined, "spec.versions[0].placement[0]"],
    ["Shard", "gpu-a", undefined, "spec.versions[1].placement[0]"],
  ]);
});

test("a key is told once, however often a document names it", () => {
  expect([...referencedKeys(home)]).toEqual([
    "model.default.ranker",
    "model.default.m",
    "model.default.next",
    "audience.default.vip",
    "audience.default.beta",
  ]);
  expect(home.kind === "Objective" && audiencesIn(home)).toEqual(["vip", "beta"]);
});

test("a place is told as it is written, even where no valid document could have such a name", () => {
  const arms = { "a#b": { model: "m", version: "1" } };
  const when = { "c#d": { inAudience: "vip" } };
  const experiment = {
    kind: "Experiment",
    metadata: { name: "e" },
    spec: { when, targets: [{ objective: "home", arms }] },
  };
  expect(named(sketchOf(experiment) as SignalboxDocument)).toEqual([
    ["Objective", "home", undefined, "spec.targets[0]"],
    ["Model", "m", "1", 'spec.targets[0].arms["a#b"]'],
  ]);
});
