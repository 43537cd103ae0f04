import type { ResourceChange } from "../protocol/group.ts";
import {
  difference,
  type Entity,
  type Form,
  formFor,
  isRemoval,
  keyOf,
  nothing,
  type Step,
  scopeOf,
  type ViewChange,
} from "./forms.ts";
import type { OwnedChange } from "./owned-change.ts";
import { isSelected, type ViewSelector } from "./view-selector.ts";

/** Which documents one view has. */
export type Members = {
  readonly selector: ViewSelector;
  readonly objectives: Set<string>;
  readonly shards: Set<string>;
  /** How many of the objectives route to a shard. */
  readonly users: Map<string, number>;
};

/** What the steps mean for a view that has every document: all changes, where there is one form of each. */
export function changesOfAll(
  view: Members,
  changes: readonly OwnedChange[],
  steps: ReadonlyMap<string, Step>,
): readonly ResourceChange[] {
  const hasOneForm = ({ before, after }: Step) => [...before, ...after].every(({ owner }) => owner.scope === undefined);
  if ([...steps.values()].every(hasOneForm)) return changes;
  return [...steps.values()].flatMap((step) => {
    if (hasOneForm(step)) return [...step.changes.values()].flat();
    const { before, after } = formsFor(view, step);
    // What the others share is what this very view is given here.
    const given = after ? (step.changes.get(scopeOf(after.owner)) ?? []) : [];
    return [...given, ...difference(before, after, step).filter(isRemoval)];
  });
}

/** Fills a new view: the objectives that it selects, then the shards that they need or that it selects. */
export function join(view: Members, entities: ReadonlyMap<string, Entity>): ViewChange[] {
  const changes: ViewChange[] = [];
  const take = ({ owner, resources }: Form, members: Set<string>) => {
    members.add(owner.name);
    changes.push(...resources.values());
  };
  const shards: Form[] = [];
  for (const entity of entities.values()) {
    const form = formFor(entity, view.selector.group);
    if (form?.owner.kind === "shard") shards.push(form);
    else if (form && isSelected(view.selector, form.owner)) {
      for (const shard of form.owner.uses) view.users.set(shard, (view.users.get(shard) ?? 0) + 1);
      take(form, view.objectives);
    }
  }
  for (const form of shards) {
    if (view.users.has(form.owner.name) || isSelected(view.selector, form.owner)) take(form, view.shards);
  }
  return changes;
}

/** What the steps mean for one view. */
export function changesOf(
  view: Members,
  steps: ReadonlyMap<string, Step>,
  entities: ReadonlyMap<string, Entity>,
): ViewChange[] {
  const changes: ViewChange[] = [];
  const shards = new Set<string>();
  for (const step of steps.values()) {
    const owner = (step.after[0] ?? step.before[0])?.owner;
    if (owner?.kind === "objective") changes.push(...stepObjective(view, owner.name, step, shards));
    else if (owner) shards.add(owner.name);
  }
  for (const name of shards) {
    const key = keyOf({ kind: "shard", name });
    const entity = entities.get(key) ?? nothing;
    changes.push(...stepShard(view, name, steps.get(key) ?? { before: entity, after: entity, changes: new Map() }));
  }
  return changes;
}

/** `shards` takes those whose users changed. */
function stepObjective(view: Members, name: string, step: Step, shards: Set<string>): readonly ViewChange[] {
  const { before, after } = formsFor(view, step);
  const wasIn = view.objectives.has(name);
  const isIn = after !== undefined && isSelected(view.selector, after.owner);
  if (wasIn) count(view, before, -1, shards);
  if (isIn) count(view, after, 1, shards);
  if (isIn) view.objectives.add(name);
  else view.objectives.delete(name);
  return difference(wasIn ? before : undefined, isIn ? after : undefined, step);
}

function stepShard(view: Members, name: string, step: Step): readonly ViewChange[] {
  const { before, after } = formsFor(view, step);
  const wasIn = view.shards.has(name);
  const isIn = after !== undefined && (view.users.has(name) || isSelected(view.selector, after.owner));
  if (isIn) view.shards.add(name);
  else view.shards.delete(name);
  return difference(wasIn ? before : undefined, isIn ? after : undefined, step);
}

function formsFor({ selector }: Members, { before, after }: Step) {
  return { before: formFor(before, selector.group), after: formFor(after, selector.group) };
}

function count({ users }: Members, form: Form | undefined, by: 1 | -1, shards: Set<string>): void {
  for (const shard of form?.owner.uses ?? []) {
    const uses = (users.get(shard) ?? 0) + by;
    if (uses > 0) users.set(shard, uses);
    else users.delete(shard);
    shards.add(shard);
  }
}
