import { canonicalJson } from "./canonical-json.ts";
import type { SignalboxDocument } from "./documents/document.ts";
import { withoutRevision } from "./format.ts";

/** One field that differs; `undefined` on the side that does not have it. */
export type FieldChange = {
  /**
   * Field path. Entries of a list that have a name (a rule, a variant, a version, a placement, an endpoint) go by it,
   * as in `spec.rules[canary].split.variants[stable].weight`, so that an entry put in front is one change.
   */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
};

/**
 * The fields in which two revisions of a document differ, in document order; null is a document that is not there.
 * Defaults are compared as filled in, and `metadata.revision` is not looked at. Empty when they are the same.
 */
export function diffDocuments(before: SignalboxDocument | null, after: SignalboxDocument | null): FieldChange[] {
  if (!before || !after)
    return before === after ? [] : [{ path: "", before: before ?? undefined, after: after ?? undefined }];
  return diff("", withoutRevision(before), withoutRevision(after));
}

function diff(path: string, before: unknown, after: unknown): FieldChange[] {
  if (canonicalJson(before) === canonicalJson(after)) return [];
  if (isRecord(before) && isRecord(after))
    return diffFields(before, after, (name) => (path === "" ? name : `${path}.${name}`));
  if (Array.isArray(before) && Array.isArray(after)) {
    const [own, other] = [byName(before), byName(after)];
    if (own && other) return diffNamedLists(path, own, other);
  }
  return [{ path, before, after }];
}

function diffFields(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  pathOf: (name: string) => string,
): FieldChange[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => diff(pathOf(name), before[name], after[name]));
}

/** A list whose order matters: what changed in the entries, and the order of those that both sides have. */
function diffNamedLists(path: string, before: Named, after: Named): FieldChange[] {
  const changes = diffFields(Object.fromEntries(before), Object.fromEntries(after), (name) => `${path}[${name}]`);
  const orderBefore = [...before.keys()].filter((name) => after.has(name));
  const orderAfter = [...after.keys()].filter((name) => before.has(name));
  if (orderBefore.join("\n") === orderAfter.join("\n")) return changes;
  return [...changes, { path: `${path} (order)`, before: orderBefore, after: orderAfter }];
}

type Named = ReadonlyMap<string, unknown>;

/** The entries of a list by what they are called; null when one has no name, or two have the same. */
function byName(list: readonly unknown[]): Named | null {
  const named = new Map(list.map((entry) => [nameOf(entry), entry] as const));
  return named.size === list.length && !named.has(null) ? (named as Named) : null;
}

function nameOf(entry: unknown): string | null {
  if (!isRecord(entry)) return null;
  if (typeof entry.name === "string") return entry.name;
  if (typeof entry.model === "string") return `${entry.model}@${String(entry.version)}`;
  if (typeof entry.version === "string") return entry.version;
  if (typeof entry.shard === "string") return entry.shard;
  return typeof entry.address === "string" ? `${entry.address}:${String(entry.port)}` : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
