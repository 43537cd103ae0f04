import { qualifiedName } from "../config/documents/document.ts";
import type { Model, ModelVersion } from "../config/documents/model.ts";
import type { Objective } from "../config/documents/objective.ts";
import type { Decision, Parameters, Reason, Shadow } from "./decision.ts";
import { formatRoutingKey } from "./routing-key.ts";
import { SelectionError } from "./selection-error.ts";

/** What the decisions of an objective are made of. */
export type DecisionSource = {
  readonly objective: Objective;
  /** The models that the objective names, by name. */
  readonly models: ReadonlyMap<string, Model>;
  readonly revision: number;
};

export type Target = Objective["spec"]["default"];

/** What was chosen, for {@link makeDecision}. */
export type Choice = {
  readonly target: Target;
  readonly rule: string;
  readonly variant: string | null;
  readonly reason: Reason;
};

/** The decision for one choice; throws `dangling_reference` when its model or version is not there. */
export function makeDecision(source: DecisionSource, choice: Choice): Decision {
  const { objective, revision } = source;
  const { model, version } = choice.target;
  const modelVersion = requireVersion(source, choice);
  const routingKey = routingKeyIn(objective, choice.target);
  const defaultKey = routingKeyIn(objective, objective.spec.default);
  return {
    objective: qualifiedName(objective),
    rule: choice.rule,
    variant: choice.variant,
    model,
    version,
    parameters: parametersOf(modelVersion, choice.target),
    routingKey,
    revision,
    shadows: shadowsOf(objective, routingKey),
    ttlMs: objective.spec.policy.ttlMs,
    fallbackKeys: routingKey === defaultKey ? [] : [defaultKey],
    reason: choice.reason,
  };
}

/** The model version of a choice; throws `dangling_reference` when it is not there. */
export function requireVersion(
  { objective, models }: DecisionSource,
  { target: { model, version }, rule }: Pick<Choice, "target" | "rule">,
): ModelVersion {
  const found = findVersion(models, model, version);
  if (found !== undefined) return found;
  const message = `Objective ${qualifiedName(objective)} names ${model}@${version} (${rule}), which is not among the models given`;
  throw new SelectionError("dangling_reference", message);
}

/** A version of one of an objective's models; undefined when there is none. */
export function findVersion(
  models: ReadonlyMap<string, Model>,
  model: string,
  version: string,
): ModelVersion | undefined {
  return models.get(model)?.spec.versions.find((candidate) => candidate.version === version);
}

/** Those of the version itself, unless the target has some too. */
function parametersOf({ parameters: own = {} }: ModelVersion, { parameters: more }: Target): Parameters {
  return more === undefined || Object.keys(more).length === 0 ? own : { ...own, ...more };
}

/** The objective's shadows, but for one of the chosen version. */
function shadowsOf(objective: Objective, chosenKey: string): readonly Shadow[] {
  return objective.spec.shadow
    .map(({ model, version, percent }) => {
      return { routingKey: routingKeyIn(objective, { model, version }), model, version, percent };
    })
    .filter(({ routingKey }) => routingKey !== chosenKey);
}

function routingKeyIn(objective: Objective, target: Target): string {
  const { namespace, name } = objective.metadata;
  return formatRoutingKey({ namespace, objective: name, model: target.model, version: target.version });
}
