import { keyTitle, stillNeeded } from "./check.ts";
import { documentTitle, type SignalboxDocument } from "./documents/document.ts";
import type { Draft } from "./draft.ts";
import { limits } from "./limits.ts";
import type { PendingEntry } from "./live-documents.ts";
import { decidedObjectives, holdsEverywhere, pinReason } from "./pins.ts";
import type { Problem } from "./problem.ts";
import { referenceProblems } from "./relations/check-references.ts";
import type { Lookup } from "./relations/reference-problem.ts";
import { namesVersion } from "./relations/references.ts";
import type { Work } from "./work.ts";

/** Why a change cannot go live as things stand. */
export type Obstacle = {
  /** The key of the document of the change that is at fault. */
  readonly key: string;
  readonly problem: Problem;
  /** The documents whose change could take the obstacle away; empty when only a new revision of this one can. */
  readonly wants: readonly string[];
  /** The key of the pin that is the obstacle. */
  readonly heldBy?: string;
};

/**
 * What stands in the way of making all these changes to a draft at once: documents that are bad by themselves, name
 * what is not there, or take away what live documents need. Empty when they can go live. Yields after each document.
 */
export function* obstacles(draft: Draft, changes: ReadonlyMap<string, PendingEntry>): Work<Obstacle[]> {
  const lookup = draft.lookup(changes);
  const found: Obstacle[] = [];
  for (const entry of changes.values()) {
    found.push(...obstaclesOf(entry, draft, changes, lookup));
    yield;
  }
  return found;
}

function obstaclesOf(
  entry: PendingEntry,
  draft: Draft,
  changes: ReadonlyMap<string, PendingEntry>,
  lookup: Lookup,
): Obstacle[] {
  if (entry.problems.length > 0) return entry.problems.map((problem) => ({ key: entry.key, problem, wants: [] }));
  return [
    ...unmetReferences(entry, lookup),
    ...brokenDependents(draft, changes, entry, lookup),
    ...holdingPins(draft, changes, entry),
  ];
}

/**
 * The pins that keep an objective as it is on every consumer: neither it nor an experiment on it changes. A pin that comes
 * with the change holds what the change brings.
 */
function holdingPins(draft: Draft, changes: ReadonlyMap<string, PendingEntry>, entry: PendingEntry): Obstacle[] {
  const documents = [entry.document, draft.get(entry.key)?.document].filter((each) => each != null);
  const objectives = new Set(
    documents.flatMap((each) => decidedObjectives(each).map((name) => `objective.${each.metadata.namespace}.${name}`)),
  );
  const title = keyTitle(entry.key);
  return [...objectives].flatMap((objective) =>
    [...draft.dependents(objective)].flatMap((key): Obstacle[] => {
      const pin = key.startsWith("pin.") && !changes.has(key) ? draft.get(key)?.document : undefined;
      if (pin?.kind !== "Pin" || !holdsEverywhere(pin)) return [];
      const problem = { document: title, path: "", message: `is ${pinReason(pin)}` };
      return [{ key: entry.key, problem, wants: [key], heldBy: key }];
    }),
  );
}

function unmetReferences({ key, document }: PendingEntry, lookup: Lookup): Obstacle[] {
  if (!document) return [];
  return referenceProblems(document, lookup).map(({ path, message, target }) => ({
    key,
    problem: { document: documentTitle(document), path, message },
    wants: [target],
  }));
}

function brokenDependents(
  draft: Draft,
  changes: ReadonlyMap<string, PendingEntry>,
  { key, document }: PendingEntry,
  lookup: Lookup,
): Obstacle[] {
  const before = draft.get(key)?.document;
  const affects = before ? whatItTakesAway(before, document) : null;
  if (!affects) return [];
  const broken: Obstacle[] = [];
  for (const dependentKey of draft.dependents(key)) {
    const dependent = changes.has(dependentKey) ? undefined : draft.get(dependentKey)?.document;
    if (!dependent || !affects(dependent)) continue;
    for (const { path, message, target } of referenceProblems(dependent, lookup)) {
      if (target !== key) continue;
      const text = stillNeeded(documentTitle(dependent), path, message, document === null);
      broken.push({ key, problem: { document: keyTitle(key), path: "", message: text }, wants: [dependentKey] });
    }
    // The change waits for these; were they gone, the next ones would be found.
    if (broken.length >= limits.problemsPerDocument) break;
  }
  return broken;
}

/**
 * Tells which documents could lose what they need; null when the change only adds, as most do. Ten thousand objectives
 * may name one model, so that this looks at nothing but the versions that go.
 */
function whatItTakesAway(
  before: SignalboxDocument,
  after: SignalboxDocument | null,
): ((dependent: SignalboxDocument) => boolean) | null {
  if (after === null) return () => true;
  if (before.kind === "Shard" && after.kind === "Shard")
    return before.spec.protocol === after.spec.protocol ? null : () => true;
  if (before.kind === "Audience" && after.kind === "Audience")
    return before.spec.parts === undefined && after.spec.parts !== undefined ? () => true : null;
  if (before.kind !== "Model" || after.kind !== "Model") return null;
  const kept = new Set(after.spec.versions.map(({ version }) => version));
  const gone = new Set(before.spec.versions.map(({ version }) => version).filter((version) => !kept.has(version)));
  if (gone.size === 0) return null;
  const { name } = after.metadata;
  return (dependent) => namesVersion(dependent, name, gone);
}
