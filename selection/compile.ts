import type { Audience } from "../config/documents/audience.ts";
import { qualifiedName } from "../config/documents/document.ts";
import type { Experiment } from "../config/documents/experiment.ts";
import type { Holdout } from "../config/documents/holdout.ts";
import type { Model } from "../config/documents/model.ts";
import type { Objective, Rule, Variant } from "../config/documents/objective.ts";
import { type Audiences, compileAudience } from "./audience.ts";
import { type ConditionNode, compileCondition, parseCondition } from "./conditions.ts";
import { type CompiledExperiment, compileExperiment } from "./experiment.ts";
import { type DecisionSource, requireVersion, type Target } from "./make-decision.ts";
import { createSplit, type Split } from "./rendezvous.ts";
import { indexRules, type RuleIndex } from "./rule-index.ts";
import { fillTable, tableLength } from "./rule-table.ts";
import { SelectionError } from "./selection-error.ts";
import { createShares } from "./share.ts";

export type CompiledRule = {
  readonly name: string;
  readonly condition: ConditionNode;
  /** Null for a rule that serves one model version. */
  readonly split: Split | null;
};

/**
 * An objective made ready for {@link select}. Immutable as far as anybody sees: a decision is made when it is first asked for,
 * and kept, because most of ten thousand objectives' are never asked for. The elements are the table of its rules
 * (rule-table.ts); a list of its own would be one more place in memory to wait for.
 */
export class CompiledObjective extends Array<unknown> implements DecisionSource {
  // What deciding reads comes first, so that it lies together in memory.
  /** The attribute that is bucketed. */
  declare readonly unit: string;
  /** Those that span the objective, in the order of their names; they decide before the rules. */
  declare readonly experiments: readonly CompiledExperiment[];
  declare readonly index: RuleIndex | null;
  /** `<namespace>/<name>` */
  declare readonly name: string;
  declare readonly revision: number;
  declare readonly rules: readonly CompiledRule[];
  declare readonly objective: Objective;
  declare readonly models: ReadonlyMap<string, Model>;

  constructor(
    { objective, models, revision }: DecisionSource,
    rules: readonly CompiledRule[],
    experiments: readonly CompiledExperiment[],
  ) {
    const tableRules = rules.map(({ condition, split }) => ({ predicate: compileCondition(condition), split }));
    super(tableLength(tableRules));
    this.unit = objective.spec.unit;
    this.experiments = experiments.length === 0 ? empty : experiments;
    this.index = indexRules(rules.map((rule) => rule.condition));
    this.name = qualifiedName(objective);
    this.revision = revision;
    this.rules = rules;
    this.objective = objective;
    this.models = models;
    fillTable(this, tableRules);
  }
}

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
  const source = { objective, models, revision };
  const rules = spec.rules.map((rule) => compileRule(rule, source, audiences));
  requireVersion(source, { target: spec.default, rule: "default" });
  const shareOf = createShares();
  const compiled = experiments.flatMap((experiment) => {
    const targets = armTargets(experiment, source);
    const holdouts = input.holdouts ?? [];
    return targets ? compileExperiment({ experiment, holdouts, audiences, targets, shareOf }) : [];
  });
  return new CompiledObjective(source, rules, compiled);
}

// One for all: ten thousand objectives have it, and each decision reads it.
const empty: readonly never[] = [];

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
function armTargets(experiment: Experiment, source: DecisionSource): readonly Target[] | null {
  const targets = armsIn(experiment, source.objective);
  if (!targets) return null;
  return experiment.spec.arms.map(({ name }) => {
    const target = targets[name] as Target;
    requireVersion(source, { target, rule: experiment.metadata.name });
    return target;
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

function compileRule(rule: Rule, source: DecisionSource, audiences: Audiences): CompiledRule {
  const { name, serve, split, when } = rule;
  for (const target of serve ? [serve] : (split?.variants ?? [])) requireVersion(source, { target, rule: name });
  return {
    name,
    condition: parseCondition(when, audiences),
    split: split ? createSplit(split.salt ?? `${qualifiedName(source.objective)}/${name}`, split.variants) : null,
  };
}

/** The arms of a rule's split, in its order; none of a rule without one. */
export function variantsOf({ objective }: CompiledObjective, rule: number): readonly Variant[] {
  return objective.spec.rules[rule]?.split?.variants ?? [];
}
