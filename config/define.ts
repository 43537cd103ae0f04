import type { Audience, AudienceInput } from "./documents/audience.ts";
import { apiVersion } from "./documents/common.ts";
import type { Kind, SignalboxDocument } from "./documents/document.ts";
import type { Experiment, ExperimentInput } from "./documents/experiment.ts";
import type { Holdout, HoldoutInput } from "./documents/holdout.ts";
import type { Model, ModelInput } from "./documents/model.ts";
import type { Objective, ObjectiveInput } from "./documents/objective.ts";
import type { Shard, ShardInput } from "./documents/shard.ts";
import { formatProblem, type Problem } from "./problem.ts";
import { validateDocument } from "./validate.ts";

/** A document in code that is not valid. `problems` has every one of them, the message lists them all. */
export class InvalidDocumentError extends Error {
  override readonly name = "InvalidDocumentError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

/** A document as it is written in code: `apiVersion` and `kind` may be left out. */
export type Defined<Input> = Omit<Input, "apiVersion" | "kind"> &
  Partial<Pick<Input, keyof Input & ("apiVersion" | "kind")>>;

/** An objective in code, validated, with its defaults filled in. Throws {@link InvalidDocumentError}. */
export function defineObjective(input: Defined<ObjectiveInput>): Objective {
  return define<Objective>("Objective", input);
}

/** A model in code, validated, with its defaults filled in. Throws {@link InvalidDocumentError}. */
export function defineModel(input: Defined<ModelInput>): Model {
  return define<Model>("Model", input);
}

/** A shard in code, validated, with its defaults filled in. Throws {@link InvalidDocumentError}. */
export function defineShard(input: Defined<ShardInput>): Shard {
  return define<Shard>("Shard", input);
}

/** An experiment in code, validated, with its defaults filled in. Throws {@link InvalidDocumentError}. */
export function defineExperiment(input: Defined<ExperimentInput>): Experiment {
  return define<Experiment>("Experiment", input);
}

/** A holdout in code, validated, with its defaults filled in. Throws {@link InvalidDocumentError}. */
export function defineHoldout(input: Defined<HoldoutInput>): Holdout {
  return define<Holdout>("Holdout", input);
}

/** An audience in code, validated. Throws {@link InvalidDocumentError}. */
export function defineAudience(input: Defined<AudienceInput>): Audience {
  return define<Audience>("Audience", input);
}

function define<D extends SignalboxDocument>(kind: Kind & D["kind"], input: object): D {
  const validation = validateDocument({ apiVersion, kind, ...input });
  if (!validation.ok) throw new InvalidDocumentError(validation.problems);
  if (validation.document.kind === kind) return validation.document as D;
  const message = `must be "${kind}", found "${validation.document.kind}"`;
  throw new InvalidDocumentError([{ document: kind, path: "kind", message }]);
}
