import { type ExperimentInput, experimentSchema } from "../../config/documents/experiment.ts";
import { holdoutSchema } from "../../config/documents/holdout.ts";
import { modelSchema } from "../../config/documents/model.ts";
import { type ObjectiveInput, objectiveSchema, type Rule } from "../../config/documents/objective.ts";
import { type CompiledObjective, type CompileInput, compileObjective } from "../compile.ts";

const apiVersion = "signalbox.dev/v1";

/** A model with these versions, each with its number as a parameter. */
export function model(name: string, ...versions: string[]) {
  return modelSchema.parse({
    apiVersion,
    kind: "Model",
    metadata: { name },
    spec: {
      versions: versions.map((version) => ({
        version,
        placement: [{ shard: "s" }],
        parameters: { version, of: name },
      })),
    },
  });
}

/** An objective `default/test` whose default is `ranker@1`; `spec` adds to it. */
export function objective(spec: Partial<ObjectiveInput["spec"]> = {}) {
  return objectiveSchema.parse({
    apiVersion,
    kind: "Objective",
    metadata: { name: "test" },
    spec: { default: { model: "ranker", version: "1" }, ...spec },
  });
}

/** An experiment on {@link objective} with the arms `control` (`ranker@1`) and `treatment` (`ranker@2`); `spec` adds to it. */
export function experiment(name: string, spec: Partial<ExperimentInput["spec"]> = {}) {
  const control = { model: "ranker", version: "1" };
  const treatment = { model: "ranker", version: "2" };
  return experimentSchema.parse({
    apiVersion,
    kind: "Experiment",
    metadata: { name },
    spec: {
      arms: [{ name: "control" }, { name: "treatment" }],
      targets: [{ objective: "test", arms: { control, treatment } }],
      ...spec,
    },
  });
}

export function holdout(
  name: string,
  spec: { readonly percent: number; readonly unit?: string; readonly iteration?: number },
) {
  return holdoutSchema.parse({ apiVersion, kind: "Holdout", metadata: { name }, spec });
}

const models = [model("ranker", "1", "2", "3"), model("other", "1")];

/**
 * {@link objective}, compiled with the models `ranker` (versions 1, 2, 3) and `other` (version 1) at revision 7, and with
 * experiments and holdouts if need be.
 */
export function compiled(
  spec: Partial<ObjectiveInput["spec"]> = {},
  around: Pick<CompileInput, "experiments" | "holdouts"> = {},
): CompiledObjective {
  return compileObjective({ objective: objective(spec), models, revision: 7, ...around });
}

/** As {@link compiled}, of rules that documents cannot have, such as one that an earlier rule hides. */
export function compileRules(rules: readonly Rule[]): CompiledObjective {
  const given = objective();
  return compileObjective({ objective: { ...given, spec: { ...given.spec, rules: [...rules] } }, models, revision: 7 });
}
