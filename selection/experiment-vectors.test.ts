import { expect, test } from "vitest";
import { audienceSchema } from "../config/documents/audience.ts";
import { compileAudience } from "./audience.ts";
import { buildAudienceVectors, buildExperimentVectors } from "./build-experiment-vectors.ts";
import audience from "./vectors/audience.json" with { type: "json" };
import experiments from "./vectors/experiments.json" with { type: "json" };

test("the golden vectors of experiments hold, and generating them again changes nothing", () => {
  expect(buildExperimentVectors()).toEqual(experiments);
});

test("the golden vectors of experiments show every outcome", () => {
  const outcomes = new Set(experiments.runs.flatMap((run) => run.outcomes));
  const refusals = ["held_out", "no_cell", "not_matched", "not_running", "outside_slices", "unit_missing"];
  expect([...outcomes].sort()).toEqual(["control", "other", "treatment", ...refusals].sort());
});

test("the golden vectors of audiences hold, and generating them again changes nothing", () => {
  expect(buildAudienceVectors()).toEqual(audience);
  const metadata = { name: "a" };
  const spec = { digests: audience.digests };
  const document = audienceSchema.parse({ apiVersion: "signalbox.dev/v1", kind: "Audience", metadata, spec });
  const membership = compileAudience(document, []);
  for (const { text, member } of audience.cases) expect(membership.has(text)).toBe(member);
});
