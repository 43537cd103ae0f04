import { expect, test } from "vitest";
import {
  defineAudience,
  defineExperiment,
  defineHoldout,
  defineModel,
  defineObjective,
  defineShard,
  InvalidDocumentError,
} from "./index.ts";

test("documents are defined without apiVersion and kind, and come back with their defaults", () => {
  const shard = defineShard({ metadata: { name: "gpu-a" }, spec: { dns: { hostname: "gpu-a.internal", port: 80 } } });
  const model = defineModel({
    metadata: { name: "ranker" },
    spec: { versions: [{ version: "7", placement: [{ shard: shard.metadata.name }] }] },
  });
  const objective = defineObjective({
    metadata: { name: "home" },
    spec: {
      default: { model: model.metadata.name, version: "7" },
      rules: ["US", "CA"].map((country) => ({
        name: country.toLowerCase(),
        when: { country, age: { gte: 18 } },
        serve: { model: "ranker", version: "7" },
      })),
    },
  });
  expect([shard, model, objective].map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
    "signalbox.dev/v1 Shard",
    "signalbox.dev/v1 Model",
    "signalbox.dev/v1 Objective",
  ]);
  expect(objective.spec.policy.timeoutMs).toBe(15_000);
  expect(objective.spec.rules[1]?.when).toEqual({ country: "CA", age: { gte: 18 } });
});

test("experiments, holdouts and audiences are defined the same way", () => {
  const arms = { old: { model: "ranker", version: "7" } };
  const experiment = defineExperiment({
    metadata: { name: "exp" },
    spec: { arms: [{ name: "old" }], targets: [{ objective: "home", arms }] },
  });
  const holdout = defineHoldout({ metadata: { name: "global" }, spec: { percent: 5 } });
  const audience = defineAudience({ metadata: { name: "staff" }, spec: { members: ["u1"] } });
  expect([experiment, holdout, audience].map(({ kind }) => kind)).toEqual(["Experiment", "Holdout", "Audience"]);
  expect([experiment.spec.unit, holdout.spec.iteration]).toEqual(["userId", 1]);
});

test("a bad definition throws one error that lists every problem", () => {
  const define = () => defineModel({ metadata: { name: "Ranker" }, spec: { versions: [] } });
  expect(define).toThrow(InvalidDocumentError);
  expect(define).toThrow(
    [
      'Model default/Ranker: metadata.name: must be lower-case letters, digits and hyphens, not starting or ending with a hyphen, found the string "Ranker"',
      "Model default/Ranker: spec.versions: must have at least 1 entry, found 0",
    ].join("\n"),
  );
});

test("a document of another kind is not taken", () => {
  const shard = { kind: "Shard", metadata: { name: "a" }, spec: { dns: { hostname: "a", port: 1 } } };
  // @ts-expect-error: the types refuse it as well
  expect(() => defineModel(shard)).toThrow('kind: must be "Model", found "Shard"');
});
