import type { CommitOptions, ResourceChange, SnapshotStore } from "../protocol/snapshot.ts";
import type { TypeView } from "../protocol/type-state.ts";
import type { AudienceGroup } from "./audiences.ts";
import type { OwnedChange, Owner } from "./owned-change.ts";
import { everything, groupName, isSelected, type ViewSelector } from "./view-selector.ts";

export type ViewsDeps = {
  readonly store: SnapshotStore;
  readonly audiences: readonly AudienceGroup[];
  /** How long a group without a node is kept for one that comes back; 60,000 by default. */
  readonly lingerMs?: number;
};

/** One group of nodes that are served the same. */
export type ViewStatus = { readonly group: string; readonly selector: ViewSelector; readonly streams: number };

/**
 * The node groups: each is served its own selection of what the documents make. All of them are views of one set of resources,
 * so a resource is encoded once, and a change costs the views that have it.
 */
export type Views = {
  /** Does in slices what of `apply` can be done before: to be called, and waited for, with the same changes. */
  prepare(changes: readonly OwnedChange[]): Promise<void>;
  /** Makes changes, and their revision, in all groups in one turn of the event loop; gives the resources set or removed. */
  apply(changes: readonly OwnedChange[], options: CommitOptions): number;
  /**
   * The group of a selection, made when it is first asked for; undefined when there are too many. To be followed by
   * `opened`, or it goes as one that was left.
   */
  groupFor(selector: ViewSelector): string | undefined;
  /** A stream of this group has been opened, or has ended. */
  opened(group: string): void;
  closed(group: string): void;
  status(): ViewStatus[];
  /** Ends the waiting of groups that were left. */
  close(): void;
};

/** More than a deployment has, and few enough for their bookkeeping not to matter. */
export const maxGroups = 1000;

type ResourceName = Pick<ResourceChange, "typeUrl" | "name">;

/**
 * One form of a document, and what is published of it. Of the only form of a document the content is what the group of
 * everything has in the store.
 */
type Form = { readonly owner: Owner; readonly resources: ReadonlyMap<string, ViewChange> };

/** What is published of one document: its forms, of which a group gets one at most. */
type Entity = readonly Form[];

/** What a batch did to one document; the changes are those of each of its forms, by the id of its scope. */
type Step = {
  readonly before: Entity;
  readonly after: Entity;
  readonly changes: ReadonlyMap<string, readonly OwnedChange[]>;
};

type View = {
  readonly selector: ViewSelector;
  readonly audience: AudienceGroup;
  readonly objectives: Set<string>;
  readonly shards: Set<string>;
  /** How many of the objectives route to a shard. */
  readonly users: Map<string, number>;
  streams: number;
  leaving: NodeJS.Timeout | undefined;
};

/** Creates the views; those of clients without metadata are there from the start, and stay. */
export function createViews({ store, audiences, lingerMs = 60_000 }: ViewsDeps): Views {
  const entities = new Map<string, Entity>();
  const views = new Map<string, View>();
  const permanent = new Set<string>();
  let latest: CommitOptions | undefined;

  const add = (selector: ViewSelector): string => {
    const audience = audiences.find(({ name }) => name === selector.audience);
    if (!audience) throw new Error(`there is no audience ${selector.audience}`);
    const group = groupName(selector);
    const view = {
      ...{ selector, audience, objectives: new Set<string>(), shards: new Set<string>(), users: new Map() },
      ...{ streams: 0, leaving: undefined },
    };
    views.set(group, view);
    // A group without a commit is not served: before the first documents there is nothing to say.
    if (latest) store.apply(group, [...commonOf(audience), ...inView(view, join(view, entities))], latest);
    return group;
  };

  /** What these changes are in one view: what its audience gets, with what is shared. */
  const inView = (view: View, viewChanges: readonly ViewChange[]): ResourceChange[] => {
    const everything = store.view(view.audience.name);
    const types = new Map<string, TypeView | undefined>();
    const changes: ResourceChange[] = [];
    for (const { typeUrl, name, resource } of viewChanges) {
      if (!view.audience.gets(typeUrl)) continue;
      if (!types.has(typeUrl)) types.set(typeUrl, everything?.type(typeUrl));
      const content = resource === "shared" ? types.get(typeUrl)?.get(name) : resource;
      if (content !== undefined) changes.push({ typeUrl, name, resource: content });
    }
    return changes;
  };

  const drop = (group: string) => {
    views.delete(group);
    store.remove(group);
  };

  const leave = (group: string, view: View) => {
    if (permanent.has(group)) return;
    clearTimeout(view.leaving);
    view.leaving = setTimeout(() => drop(group), lingerMs);
    view.leaving.unref();
  };

  for (const { name } of audiences) permanent.add(add(everything(name)));

  return {
    prepare: (changes) => store.prepare(changes),
    apply: (changes, options) => {
      const steps = takeIn(entities, changes);
      let changed = 0;
      for (const [group, view] of views) {
        const common = latest ? [] : commonOf(view.audience);
        // The groups of everything come first and get the changes nearly as they are; the others take from them what is new to them.
        const own = permanent.has(group)
          ? changesOfAll(view, changes, steps).filter(({ typeUrl }) => view.audience.gets(typeUrl))
          : inView(view, changesOf(view, steps, entities));
        changed += store.apply(group, [...common, ...own], options).changed;
      }
      latest = options;
      return changed;
    },
    groupFor: (selector) => {
      const group = groupName(selector);
      const existing = views.get(group);
      if (existing) return group;
      if (views.size >= maxGroups) return undefined;
      add(selector);
      leave(group, views.get(group) as View);
      return group;
    },
    opened: (group) => {
      const view = views.get(group);
      if (!view) return;
      view.streams++;
      clearTimeout(view.leaving);
    },
    closed: (group) => {
      const view = views.get(group);
      if (!view) return;
      view.streams--;
      if (view.streams === 0) leave(group, view);
    },
    status: () => [...views].map(([group, { selector, streams }]) => ({ group, selector, streams })),
    close: () => {
      for (const { leaving } of views.values()) clearTimeout(leaving);
    },
  };
}

function commonOf({ common }: AudienceGroup): ResourceChange[] {
  return common.map(({ typeUrl, name, encode }) => ({ typeUrl, name, resource: encode() }));
}

const keyOf = ({ kind, name }: Pick<Owner, "kind" | "name">) => `${kind} ${name}`;
const scopeOf = ({ scope }: Owner) => scope?.id ?? "";
const nothing: Entity = [];

/** Brings the documents' resources up to date, and tells what became of each document that the changes are about. */
function takeIn(entities: Map<string, Entity>, changes: readonly OwnedChange[]): Map<string, Step> {
  const byOwner = Map.groupBy(changes, ({ owner }) => keyOf(owner));
  return new Map(
    [...byOwner].map(([key, own]) => {
      const before = entities.get(key) ?? nothing;
      const byScope = Map.groupBy(own, ({ owner }) => scopeOf(owner));
      const after = [
        ...before.filter(({ owner }) => !byScope.has(scopeOf(owner))),
        ...[...byScope].flatMap(
          ([scope, changed]) =>
            formAfter(
              before.find(({ owner }) => scopeOf(owner) === scope),
              changed,
            ) ?? [],
        ),
      ];
      if (after.length > 0) entities.set(key, after);
      else entities.delete(key);
      return [key, { before, after, changes: byScope }];
    }),
  );
}

function formAfter(before: Form | undefined, changes: readonly OwnedChange[]): Form | undefined {
  const owner = changes[0]?.owner ?? before?.owner;
  const resources = new Map(before?.resources);
  for (const { typeUrl, name, resource } of changes) {
    const id = `${typeUrl} ${name}`;
    if (resource) resources.set(id, { typeUrl, name, resource: owner?.scope ? resource : "shared" });
    else resources.delete(id);
  }
  return owner && resources.size > 0 ? { owner, resources } : undefined;
}

/** The form of a document that a group gets. */
function formFor(entity: Entity, group: string): Form | undefined {
  return entity.find(({ owner }) => owner.scope?.includes(group) ?? true);
}

/** A change in one view; "shared" is what the group of everything has. */
type ViewChange = ResourceName & { readonly resource: ResourceChange["resource"] | "shared" };

function isRemoval(change: ViewChange): change is ResourceName & { readonly resource: null } {
  return change.resource === null;
}

/** What the steps mean for a view that has every document: all changes, where there is one form of each. */
function changesOfAll(
  view: View,
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
function join(view: View, entities: ReadonlyMap<string, Entity>): ViewChange[] {
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
function changesOf(view: View, steps: ReadonlyMap<string, Step>, entities: ReadonlyMap<string, Entity>): ViewChange[] {
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
function stepObjective(view: View, name: string, step: Step, shards: Set<string>): readonly ViewChange[] {
  const { before, after } = formsFor(view, step);
  const wasIn = view.objectives.has(name);
  const isIn = after !== undefined && isSelected(view.selector, after.owner);
  if (wasIn) count(view, before, -1, shards);
  if (isIn) count(view, after, 1, shards);
  if (isIn) view.objectives.add(name);
  else view.objectives.delete(name);
  return difference(wasIn ? before : undefined, isIn ? after : undefined, step);
}

function stepShard(view: View, name: string, step: Step): readonly ViewChange[] {
  const { before, after } = formsFor(view, step);
  const wasIn = view.shards.has(name);
  const isIn = after !== undefined && (view.users.has(name) || isSelected(view.selector, after.owner));
  if (isIn) view.shards.add(name);
  else view.shards.delete(name);
  return difference(wasIn ? before : undefined, isIn ? after : undefined, step);
}

function formsFor({ selector }: View, { before, after }: Step) {
  return { before: formFor(before, selector.group), after: formFor(after, selector.group) };
}

function count({ users }: View, form: Form | undefined, by: 1 | -1, shards: Set<string>): void {
  for (const shard of form?.owner.uses ?? []) {
    const uses = (users.get(shard) ?? 0) + by;
    if (uses > 0) users.set(shard, uses);
    else users.delete(shard);
    shards.add(shard);
  }
}

/** From what a view had of a document to what it gets; undefined is nothing. */
function difference(before: Form | undefined, after: Form | undefined, { changes }: Step): readonly ViewChange[] {
  if (before && after && scopeOf(before.owner) === scopeOf(after.owner)) return changes.get(scopeOf(after.owner)) ?? [];
  const gone = [...(before?.resources ?? [])].filter(([id]) => !after?.resources.has(id));
  return [
    ...(after?.resources.values() ?? []),
    ...gone.map(([, { typeUrl, name }]) => ({ typeUrl, name, resource: null })),
  ];
}
