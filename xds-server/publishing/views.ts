import type { CommitOptions, ResourceChange } from "../protocol/group.ts";
import type { SnapshotStore } from "../protocol/snapshot.ts";
import type { TypeView } from "../protocol/type-view.ts";
import type { AudienceGroup } from "./audiences.ts";
import { type Entity, takeIn, type ViewChange } from "./forms.ts";
import { changesOf, changesOfAll, join, type Members } from "./members.ts";
import type { OwnedChange } from "./owned-change.ts";
import { everything, groupName, type ViewSelector } from "./view-selector.ts";

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
  /** Does in slices what of `apply` can be done before; gives the changes to be applied. */
  prepare(changes: readonly OwnedChange[]): Promise<OwnedChange[]>;
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

type View = Members & {
  readonly audience: AudienceGroup;
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
