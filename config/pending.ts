import { limits } from "./limits.ts";
import type { PendingBatch, PendingEntry } from "./live-documents.ts";

/** A refused batch while batches are being settled. */
export type Unit = { entries: readonly PendingEntry[]; waitsFor: readonly string[] };

/** The refused batches in the making, found by the documents they hold and by those they wait for. */
export type PendingDraft = {
  /** Takes out what is published anew, and gives the batches that lost something by it but still hold something. */
  supersede(keys: Iterable<string>): Unit[];
  has(unit: Unit): boolean;
  /** The batch that holds a refused revision of this document. */
  holding(key: string): Unit | undefined;
  waitingFor(key: string): Iterable<Unit>;
  /** Keeps a batch until one of these documents changes; the oldest batches go when there are too many. */
  keep(unit: Unit, waitsFor: readonly string[]): void;
  remove(unit: Unit): void;
  finish(): readonly PendingBatch[];
};

export type PendingBounds = { readonly documents: number; readonly bytes: number };

const defaultBounds: PendingBounds = { documents: limits.pendingDocuments, bytes: limits.pendingBytes };

export function createPendingDraft(base: readonly PendingBatch[], bounds = defaultBounds): PendingDraft {
  const units = new Set<Unit>();
  const byKey = new Map<string, Unit>();
  const waiting = new Map<string, Set<Unit>>();
  let changed = false;
  let documents = 0;
  let bytes = 0;

  const count = (entries: readonly PendingEntry[], sign: 1 | -1) => {
    documents += sign * entries.length;
    bytes += sign * entries.reduce((sum, entry) => sum + entry.bytes, 0);
  };
  const wait = (unit: Unit, waitsFor: readonly string[]) => {
    for (const key of unit.waitsFor) waiting.get(key)?.delete(unit);
    unit.waitsFor = waitsFor;
    for (const key of waitsFor) {
      const own = waiting.get(key);
      if (own) own.add(unit);
      else waiting.set(key, new Set([unit]));
    }
  };
  const insert = (unit: Unit) => {
    units.add(unit);
    for (const { key } of unit.entries) byKey.set(key, unit);
    count(unit.entries, 1);
  };
  const remove = (unit: Unit) => {
    if (!units.delete(unit)) return;
    changed = true;
    wait(unit, []);
    count(unit.entries, -1);
    for (const { key } of unit.entries) byKey.delete(key);
  };
  const dropOldest = () => {
    while (documents > bounds.documents || bytes > bounds.bytes) {
      const [oldest] = [...units].sort(byFirstRevision);
      if (!oldest) return;
      remove(oldest);
    }
  };

  for (const { entries, waitsFor } of base) {
    const unit: Unit = { entries, waitsFor: [] };
    insert(unit);
    wait(unit, waitsFor);
  }

  return {
    supersede: (keys) => {
      const touched = new Set<Unit>();
      for (const key of keys) {
        const unit = byKey.get(key);
        if (!unit) continue;
        changed = true;
        touched.add(unit);
        byKey.delete(key);
        count(
          unit.entries.filter((entry) => entry.key === key),
          -1,
        );
        unit.entries = unit.entries.filter((entry) => entry.key !== key);
      }
      for (const unit of touched) if (unit.entries.length === 0) remove(unit);
      return [...touched].filter((unit) => units.has(unit));
    },
    has: (unit) => units.has(unit),
    holding: (key) => byKey.get(key),
    waitingFor: (key) => waiting.get(key) ?? [],
    keep: (unit, waitsFor) => {
      changed = true;
      if (!units.has(unit)) insert(unit);
      wait(unit, waitsFor);
      dropOldest();
    },
    remove,
    finish: () =>
      changed ? [...units].sort(byFirstRevision).map(({ entries, waitsFor }) => ({ entries, waitsFor })) : base,
  };
}

/** The order in which refused batches are tried again. */
export function byFirstRevision(a: Unit, b: Unit): number {
  return (a.entries[0]?.revision ?? 0) - (b.entries[0]?.revision ?? 0);
}
