import type { Resource } from "../resources/resource.ts";
import type { OwnedChange, Owner } from "./owned-change.ts";

export type ResourceName = Pick<Resource, "typeUrl" | "name">;

/** What is published of one form of a document. */
export type PublishedForm = { readonly owner: Owner; readonly names: readonly ResourceName[] };

/** A form to be published. */
export type NewForm = { readonly owner: Owner; readonly resources: readonly Resource[] };

/** Sets the resources, and removes those that were there before and are not among them. */
export function replace(owner: Owner, before: readonly ResourceName[], resources: readonly Resource[]): OwnedChange[] {
  const isKept = (old: ResourceName) =>
    resources.some(({ typeUrl, name }) => typeUrl === old.typeUrl && name === old.name);
  return [
    ...resources.map((each) => ({ typeUrl: each.typeUrl, name: each.name, resource: each.encode(), owner })),
    ...before.flatMap((old) => (isKept(old) ? [] : [{ ...old, resource: null, owner }])),
  ];
}

/** The same for the forms that pins hold, of which any may come and go. */
export function replaceForms(before: readonly PublishedForm[], forms: readonly NewForm[]): OwnedChange[] {
  const isSame = ({ owner }: { readonly owner: Owner }, other: Owner) => owner.scope?.id === other.scope?.id;
  const gone = before.filter(({ owner }) => !forms.some((form) => isSame(form, owner)));
  return [
    ...gone.flatMap(({ owner, names }) => replace(owner, names, [])),
    ...forms.flatMap(({ owner, resources }) =>
      replace(owner, before.find((form) => isSame(form, owner))?.names ?? [], resources),
    ),
  ];
}

export function publishedForm({ owner, resources }: NewForm): PublishedForm {
  return { owner, names: namesOf(resources) };
}

export function namesOf(resources: readonly Resource[]): ResourceName[] {
  return resources.map(({ typeUrl, name }) => ({ typeUrl, name }));
}
