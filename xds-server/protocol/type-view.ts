import type { Claim } from "./claim.ts";
import type { Change } from "./journal.ts";
import type { StoredResource } from "./resource.ts";

/** What a subscription sees of one type in one group. */
export type TypeView = {
  /** The sequence of the group's latest commit. */
  readonly sequence: number;
  /** Stands for the content of the whole type: the version of state-of-the-world responses. */
  readonly version: string;
  /** True when `version` was given by the store's owner, and is not a hash of the content. */
  readonly isVersionGiven: boolean;
  /** True when a resource has, or had, a time to live. */
  readonly hasLifetimes: boolean;
  get(name: string): StoredResource | undefined;
  /** Everything; the same array until something changes. */
  all(): readonly StoredResource[];
  /** The same in pieces of up to so many bytes each; a resource that is larger is a piece by itself. */
  parts(maxBytes: number): readonly (readonly StoredResource[])[];
  /** All names; the same set until one comes or goes. */
  names(): ReadonlySet<string>;
  /** What a client states that subscribes to all names, and one that holds everything in its current version. */
  readonly claims: { readonly names: Claim; readonly versions: Claim };
  readonly count: number;
  /** Bytes of all in delta responses. */
  readonly bytes: number;
  /** The last content of a removed resource, as long as it is remembered. */
  lastKnown(name: string): StoredResource | undefined;
  /** The sequence at which `name` last changed; 0 when it never did or is forgotten. */
  changedAt(name: string): number;
  /** The position of that change among all; 0 likewise. */
  positionOf(name: string): number;
  /** The latest change of each name after `cursor`, up to `limit` and after a position, oldest first. */
  changes(cursor: number, limit: number, afterPosition?: number): Iterable<Change>;
  /** Removals before this sequence may be forgotten: a cursor below it may have missed some. */
  readonly horizon: number;
  /** The position of the latest removal that is forgotten; 0 when none is. */
  readonly forgottenPosition: number;
};
