import { setImmediate } from "node:timers";

/**
 * Collects what is asked within one turn of the event loop, and asks it together: `ask` gets the items of one group, at
 * most `maxItems` of them, and answers one result each, in their order. Its failure is that of all of them.
 */
export function createBatcher<Item, Result>(deps: {
  readonly groupOf: (item: Item) => string;
  readonly ask: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly maxItems: number;
}): (item: Item) => Promise<Result> {
  type Waiting = { readonly item: Item; resolve(result: Result): void; reject(error: unknown): void };
  let groups = new Map<string, Waiting[]>();

  const send = async (waiting: readonly Waiting[]) => {
    try {
      const results = await deps.ask(waiting.map(({ item }) => item));
      for (const [index, { resolve }] of waiting.entries()) resolve(results[index] as Result);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  };
  const flush = () => {
    const all = groups;
    groups = new Map();
    for (const waiting of all.values()) {
      for (let from = 0; from < waiting.length; from += deps.maxItems) {
        void send(waiting.slice(from, from + deps.maxItems));
      }
    }
  };

  return (item) =>
    new Promise((resolve, reject) => {
      if (groups.size === 0) setImmediate(flush);
      const key = deps.groupOf(item);
      const group = groups.get(key);
      if (group) group.push({ item, resolve, reject });
      else groups.set(key, [{ item, resolve, reject }]);
    });
}
