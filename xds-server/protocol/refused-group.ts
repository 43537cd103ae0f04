import type { Refusal } from "./subscription.ts";

/** Names refused in one response, each with its refusal, of which it is not known yet which ones the client minds. */
export type RefusedGroup = ReadonlyMap<string, Refusal>;

/**
 * Splits a refused group so that what the client minds is found in few responses: the names that its message mentions one by
 * one, after the others together; in halves when it mentions none.
 */
export function splitRefused(group: RefusedGroup, message: string): RefusedGroup[] {
  const named = namesIn(message, group);
  if (named.size > 0) {
    const mentioned = [...group].filter(([name]) => named.has(name));
    const others = [...group].filter(([name]) => !named.has(name));
    return [others, ...mentioned.map((entry) => [entry])]
      .filter(({ length }) => length > 0)
      .map((part) => new Map(part));
  }
  const entries = [...group];
  const middle = Math.ceil(entries.length / 2);
  return [new Map(entries.slice(0, middle)), new Map(entries.slice(middle))];
}

/** Which of the names occur as words in a client's message, such as `Error adding/updating cluster(s) a: ..., b: ...`. */
export function namesIn(message: string, names: { has(name: string): boolean }): Set<string> {
  const found = new Set<string>();
  for (const word of message.split(/[\s,;'"()[\]{}]+/)) {
    const bare = word.replace(/[:.]+$/, "");
    for (const name of [word, bare]) if (name !== "" && names.has(name)) found.add(name);
  }
  return found;
}
