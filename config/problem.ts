/** One thing that is wrong with a document: where, what was found, what is allowed. */
export type Problem = {
  /** The file, or "stdin"; absent for documents that came from the store. */
  readonly file?: string;
  /** Such as `Objective default/homepage-ranking`, or `document 3` when it has no readable name. */
  readonly document: string;
  /** Field path such as `spec.rules[2].split.variants[0].weight`; empty for the document as a whole. */
  readonly path: string;
  /** Says what is wrong, what was found, what is allowed and, where there is one, the remedy. */
  readonly message: string;
};
