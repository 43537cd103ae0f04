import { createHash } from "node:crypto";
import type { Resolution } from "../../selection/resolution.ts";
import { type Question, qualifiedObjective } from "../question.ts";

export type CachedAnswer = { readonly resolution: Resolution; readonly receivedAtMs: number };

/** The last answer for each question, the least recently used leaving first. */
export type AnswerCache = {
  get(key: string): CachedAnswer | undefined;
  set(key: string, answer: CachedAnswer): void;
  readonly size: number;
};

export function createAnswerCache(maxEntries: number): AnswerCache {
  // A Map iterates in the order of insertion, so the first key is the one that was used the longest ago.
  const entries = new Map<string, CachedAnswer>();
  return {
    get: (key) => {
      const found = entries.get(key);
      if (found === undefined) return undefined;
      entries.delete(key);
      entries.set(key, found);
      return found;
    },
    set: (key, answer) => {
      entries.delete(key);
      if (maxEntries === 0) return;
      for (const oldest of entries.keys()) {
        if (entries.size < maxEntries) break;
        entries.delete(oldest);
      }
      entries.set(key, answer);
    },
    get size() {
      return entries.size;
    },
  };
}

const keyCharacters = 512;

/** The same for the same context, in whatever order its attributes come. A long one is hashed, so that no key is large. */
export function contextKey({ namespace, labels, context }: Question): string {
  const attributes = Object.keys(context)
    .sort()
    .map((name) => [name, context[name]]);
  const key = JSON.stringify([namespace, labels.trafficClass ?? "", attributes]);
  return key.length <= keyCharacters ? key : createHash("sha256").update(key).digest("base64");
}

export function questionKey(question: Question): string {
  return `${qualifiedObjective(question)} ${contextKey(question)}`;
}
