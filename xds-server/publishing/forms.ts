import type { ResourceChange } from "../protocol/group.ts";
import type { OwnedChange, Owner } from "./owned-change.ts";

export type ResourceName = Pick<ResourceChange, "typeUrl" | "name">;

/**
 * One form of a document, and what is published of it. Of the only form of a document the content is what the group of
 * everything has in the store.
 */
export type Form = { readonly owner: Owner; readonly resources: ReadonlyMap<string, ViewChange> };

/** What is published of one document: its forms, of which a group gets one at most. */
export type Entity = readonly Form[];

/** What a batch did to one document; the changes are those of each of its forms, by the id of its scope. */
export type Step = {
  readonly before: Entity;
  readonly after: Entity;
  readonly changes: ReadonlyMap<string, readonly OwnedChange[]>;
};

/** A change in one view; "shared" is what the group of everything has. */
export type ViewChange = ResourceName & { readonly resource: ResourceChange["resource"] | "shared" };

export function isRemoval(change: ViewChange): change is ResourceName & { readonly resource: null } {
  return change.resource === null;
}

export const keyOf = ({ kind, name }: Pick<Owner, "kind" | "name">) => `${kind} ${name}`;
export const scopeOf = ({ scope }: Owner) => scope?.id ?? "";
export const nothing: Entity = [];

/** Brings the documents' resources up to date, and tells what became of each document that the changes are about. */
export function takeIn(entities: Map<string, Entity>, changes: readonly OwnedChange[]): Map<string, Step> {
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
export function formFor(entity: Entity, group: string): Form | undefined {
  return entity.find(({ owner }) => owner.scope?.includes(group) ?? true);
}

/** From what a view had of a document to what it gets; undefined is nothing. */
export function difference(
  before: Form | undefined,
  after: Form | undefined,
  { changes }: Step,
): readonly ViewChange[] {
  if (before && after && scopeOf(before.owner) === scopeOf(after.owner)) return changes.get(scopeOf(after.owner)) ?? [];
  const gone = [...(before?.resources ?? [])].filter(([id]) => !after?.resources.has(id));
  return [
    ...(after?.resources.values() ?? []),
    ...gone.map(([, { typeUrl, name }]) => ({ typeUrl, name, resource: null })),
  ];
}
