import type { Audience } from "../config/documents/audience.ts";
import { qualifiedName } from "../config/documents/document.ts";
import type { Experiment } from "../config/documents/experiment.ts";
import type { Holdout } from "../config/documents/holdout.ts";
import type { Model, ModelVersion } from "../config/documents/model.ts";
import type { Objective, Rule } from "../config/documents/objective.ts";
import { type Audiences, compileAudience } from "./audience.ts";
import { type ConditionNode, compileCondition, parseCondition } from "./conditions.ts";
import type { Decision, Outcome, Parameters, Reason, Shadow } from "./decision.ts";
import { type CompiledExperiment, compileExperiment } from "./experiment.ts";
import { KeptDecision } from "./kept-decision.ts";
import { createSplit, type Split } from "./rendezvous.ts";
import { formatRoutingKey } from "./routing-key.ts";
import { indexRules, type RuleIndex } from "./rule-index.ts";
import { createRuleTable, type RuleTable } from "./rule-table.ts";
import { SelectionError } from "./selection-error.ts";
import { createShares } from "./share.ts";

export type CompiledRule = {
  readonly name: string;
  readonly condition: ConditionNode;
  /** Null for a rule that serves one model version. */
  readonly split: Split | null;
  /** One for each arm of the split, in its order; or the one of the version served. */
  readonly outcomes: readonly Outcome[];
};

/** An objective made ready for {@link select}: every possible decision is built already. Immutable. */
export type CompiledObjective = {
  /** The attribute that is bucketed. */
  readonly unit: string;
  /** Those that span the objective, in the order of their names; they decide before the rules. */
  readonly experiments: readonly CompiledExperiment[];
  readonly index: RuleIndex | null;
  /** Rules and default once more, as deciding reads them. */
  readonly table: RuleTable;
  /** `<namespace>/<name>` */
  readonly name: string;
  readonly revision: number;
  readonly rules: readonly CompiledRule[];
  readonly fallback: Outcome;
  readonly objective: Objective;
  /** The models that the objective names, by name. */
  readonly models: ReadonlyMap<string, Model>;
};

/** An objective, what it depends on (what it does not is ignored) and its revision. */
export type CompileInput = {
  readonly objective: Objective;
  /** Those that the objective and its experiments name. */
  readonly models: Iterable<Model>;
  readonly revision: number;
  /** None when absent. */
  readonly experiments?: readonly Experiment[];
  /** Of the namespace; none when absent. */
  readonly holdouts?: readonly Holdout[];
  /** Those that conditions ask for, and their parts; none when absent. */
  readonly audiences?: Iterable<Audience>;
};

/**
 * Compiles an objective, once per revision. The documents must be valid, each by itself and together; throws a
 * `dangling_reference` SelectionError when a model, version or audience that is named is not there.
 */
export function compileObjective(input: CompileInput): CompiledObjective {
  const { objective, revision } = input;
  const { namespace } = objective.metadata;
  const all = new Map([...input.models].map((model) => [qualifiedName(model), model]));
  const models = new Map<string, Model>();
  const experiments = [...(input.experiments ?? [])].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const { model: name } of references(objective, experiments)) {
    const model = all.get(`${namespace}/${name}`);
    if (model) models.set(name, model);
  }
  const { spec } = objective;
  const audiences = audiencesOf(input);
  const rules = spec.rules.map((rule) => compileRule(rule, input, models, audiences));
  const fallback = outcome(input, models, { target: spec.default, rule: "default", variant: null, reason: "default" });
  const shareOf = createShares();
  const compiled = experiments.flatMap((experiment) => {
    const outcomes = armOutcomes(experiment, input, models);
    const holdouts = input.holdouts ?? [];
    return outcomes ? compileExperiment({ experiment, holdouts, audiences, outcomes, shareOf }) : [];
  });
  return {
    // What deciding reads comes first, so that it lies together in memory.
    unit: spec.unit,
    experiments: compiled.length === 0 ? empty : compiled,
    index: indexRules(rules.map((rule) => rule.condition)),
    table: createRuleTable(
      rules.map((rule) => ({ ...rule, predicate: compileCondition(rule.condition) })),
      fallback,
    ),
    name: qualifiedName(objective),
    revision,
    rules,
    fallback,
    objective,
    models,
  };
}

// One for all: ten thousand objectives have them, and each decision reads some of them.
const empty: readonly never[] = [];
const none = {};

/** Everything in an objective and its experiments that names a model version. */
function references(objective: Objective, experiments: readonly Experiment[]): readonly Target[] {
  const { default: fallback, rules, shadow } = objective.spec;
  const inArms = experiments.flatMap((experiment) => Object.values(armsIn(experiment, objective) ?? {}));
  return [fallback, ...rules.flatMap((rule) => rule.split?.variants ?? rule.serve ?? []), ...shadow, ...inArms];
}

function armsIn(
  experiment: Experiment,
  { metadata: { name } }: Objective,
): Readonly<Record<string, Target>> | undefined {
  return experiment.spec.targets.find(({ objective }) => objective === name)?.arms;
}

/** What each arm of an experiment gets in the objective; null when the objective is none of its targets. */
function armOutcomes(
  experiment: Experiment,
  input: CompileInput,
  models: ReadonlyMap<string, Model>,
): readonly Outcome[] | null {
  const targets = armsIn(experiment, input.objective);
  if (!targets) return null;
  return experiment.spec.arms.map(({ name }) => {
    const choice = { rule: experiment.metadata.name, variant: name, reason: "experiment" } as const;
    return outcome(input, models, { ...choice, target: targets[name] as Target });
  });
}

function audiencesOf({ objective, audiences }: CompileInput): Audiences {
  const byName = new Map([...(audiences ?? [])].map((audience) => [audience.metadata.name, audience]));
  const get = (name: string): Audience => {
    const found = byName.get(name);
    if (found) return found;
    const message = `Objective ${qualifiedName(objective)} asks for audience ${name}, which is not among those given`;
    throw new SelectionError("dangling_reference", message);
  };
  return (name) => {
    const audience = get(name);
    return compileAudience(audience, (audience.spec.parts ?? []).map(get));
  };
}

function compileRule(
  rule: Rule,
  input: CompileInput,
  models: ReadonlyMap<string, Model>,
  audiences: Audiences,
): CompiledRule {
  const to = (target: Target, variant: string | null) =>
    outcome(input, models, { target, rule: rule.name, variant, reason: "rule" });
  const variants = rule.split?.variants ?? [];
  const salt = rule.split?.salt ?? `${qualifiedName(input.objective)}/${rule.name}`;
  return {
    name: rule.name,
    condition: parseCondition(rule.when, audiences),
    split: rule.split ? createSplit(salt, variants) : null,
    outcomes: rule.serve ? [to(rule.serve, null)] : variants.map((variant) => to(variant, variant.name)),
  };
}

type Target = Objective["spec"]["default"];
type Choice = {
  readonly target: Target;
  readonly rule: string;
  readonly variant: string | null;
  readonly reason: Reason;
};

function outcome(input: CompileInput, models: ReadonlyMap<string, Model>, choice: Choice): Outcome {
  const decision = decisionFor(input, models, choice);
  const decided = new KeptDecision(decision);
  return { decided, unitMissing: new KeptDecision({ ...decision, reason: "unit_missing" }) };
}

/** The decision for one choice; throws `dangling_reference` when its model or version is not there. */
export function decisionFor(
  input: Pick<CompileInput, "objective" | "revision">,
  models: ReadonlyMap<string, Model>,
  choice: Choice,
): Decision {
  const { objective, revision } = input;
  const { model, version } = choice.target;
  const modelVersion = findVersion(models, model, version);
  if (modelVersion === undefined) {
    const message = `Objective ${qualifiedName(objective)} names ${model}@${version} (${choice.rule}), which is not among the models given`;
    throw new SelectionError("dangling_reference", message);
  }
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
    fallbackKeys: routingKey === defaultKey ? empty : [defaultKey],
    reason: choice.reason,
  };
}

/** Those of the version itself, unless the target has some too. */
function parametersOf({ parameters: own = none }: ModelVersion, { parameters: more }: Target): Parameters {
  return more === undefined || Object.keys(more).length === 0 ? own : { ...own, ...more };
}

/** The objective's shadows, but for one of the chosen version. */
function shadowsOf(objective: Objective, chosenKey: string): readonly Shadow[] {
  const shadows = objective.spec.shadow.map(({ model, version, percent }) => {
    return { routingKey: routingKeyIn(objective, { model, version }), model, version, percent };
  });
  const others = shadows.filter(({ routingKey }) => routingKey !== chosenKey);
  return others.length === 0 ? empty : others;
}

function routingKeyIn(objective: Objective, target: Target): string {
  const { namespace, name } = objective.metadata;
  return formatRoutingKey({ namespace, objective: name, model: target.model, version: target.version });
}

/** A version of one of an objective's models; undefined when there is none. */
export function findVersion(
  models: ReadonlyMap<string, Model>,
  model: string,
  version: string,
): ModelVersion | undefined {
  return models.get(model)?.spec.versions.find((candidate) => candidate.version === version);
}
