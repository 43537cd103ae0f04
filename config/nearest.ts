import { closest, distance } from "fastest-levenshtein";

/** The candidate that `word` most likely stands for, regardless of case; null when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const lower = word.toLowerCase();
  const byLower = new Map([...candidates].map((candidate) => [candidate.toLowerCase(), candidate]));
  if (byLower.size === 0) return null;
  const found = closest(lower, [...byLower.keys()]);
  const allowed = Math.max(1, Math.floor(Math.max(lower.length, found.length) / 2.5));
  return distance(lower, found) <= allowed ? (byLower.get(found) ?? null) : null;
}

/** `; did you mean "gpu-a"?`, or `; known: a, b, c` when nothing is near, or nothing when there is nothing to know. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const all = [...candidates];
  const near = nearest(word, all);
  if (near !== null) return `; did you mean "${near}"?`;
  return all.length === 0 ? "" : `; known: ${listed(all)}`;
}

/** A list for a message: the first twenty, then how many more. */
export function listed(words: readonly string[]): string {
  const shown = words.slice(0, 20).join(", ");
  return words.length > 20 ? `${shown} and ${words.length - 20} more` : shown;
}
