/**
 * The number of a commit, given to the protocol layer in place of the store revision: the revision itself, or just above it
 * when the same documents are committed again (a shard became ready, old routes left). It only grows, and never reaches the
 * next revision.
 */
export function nextCommitNumber(last: number, revision: number): number {
  return Math.floor(last) === revision ? last + 1 / commitsPerRevision : revision;
}

/** The store revision that a commit brought. */
export function revisionOf(commitNumber: number): number {
  return Math.floor(commitNumber);
}

/** A power of two, so that the sums are exact for revisions below 2^37. */
const commitsPerRevision = 65_536;
