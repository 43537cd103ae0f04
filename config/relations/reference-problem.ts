import type { Kind, SignalboxDocument } from "../documents/document.ts";

/** Finds documents by their key, in whatever set is being checked. */
export type Lookup = {
  find(key: string): SignalboxDocument | undefined;
  /** The names of one kind in a namespace, for suggestions. */
  names(kind: Kind, namespace: string): readonly string[];
  /** The documents that name the one with this key; of the key of a layer, the experiments in it. */
  dependents(key: string): readonly SignalboxDocument[];
};

/** A reference of one document that another document does not meet. */
export type ReferenceProblem = {
  readonly path: string;
  readonly message: string;
  /** The key of the document whose change could mend it. */
  readonly target: string;
};
