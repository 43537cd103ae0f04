export {
  type Defined,
  defineAudience,
  defineExperiment,
  defineHoldout,
  defineModel,
  defineObjective,
  defineShard,
  InvalidDocumentError,
} from "./define.ts";
export type { Audience, AudienceInput } from "./documents/audience.ts";
export type { Condition, Operators, Scalar } from "./documents/condition.ts";
export type { DocumentId, Kind, SignalboxDocument } from "./documents/document.ts";
export type { Experiment, ExperimentInput } from "./documents/experiment.ts";
export type { Holdout, HoldoutInput } from "./documents/holdout.ts";
export type { Model, ModelInput, ModelVersion } from "./documents/model.ts";
export type { Objective, ObjectiveInput, Rule, Split, Variant } from "./documents/objective.ts";
export type { Shard, ShardInput } from "./documents/shard.ts";
export { formatProblem, type Problem } from "./problem.ts";
export { type Validation, validateDocument } from "./validate.ts";
