/** One thing that is wrong with a document: where, what was found, what is allowed. */
export type Problem = {
  /** The file, or "stdin"; absent for documents that came from the store. */
  readonly file?: string;
  /** The line of the file, from 1, where it can be told. */
  readonly line?: number;
  /** Such as `Objective default/homepage-ranking`, or `document 3` when it has no readable name; empty for a file. */
  readonly document: string;
  /** Field path such as `spec.rules[2].split.variants[0].weight`; empty for the document as a whole. */
  readonly path: string;
  /** Says what is wrong, what was found, what is allowed and, where there is one, the remedy. */
  readonly message: string;
};

/** One line: `shards.yaml:12: Shard default/gpu-a: spec.protocol: must be …`. */
export function formatProblem({ file, line, document, path, message }: Problem): string {
  const place = file === undefined || line === undefined ? file : `${file}:${line}`;
  return [place, document, path, message].filter(Boolean).join(": ");
}
