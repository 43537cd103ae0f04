import { setImmediate } from "node:timers";

/**
 * Collects what is asked within one turn of the event loop, and hands it over together, group by group. Each waits for its
 * own answer.
 */
export function createBatcher<Item, Result>(deps: {
  readonly groupOf: (item: Item) => string;
  /** Answers one result for each item, in their order; its failure is that of all of a group. */
  readonly ask: (groups: readonly (readonly Item[])[]) => readonly Promise<readonly Result[]>[];
  readonly itemsPerGroup: number;
}): (item: Item) => Promise<Result> {
  type Waiting = { readonly item: Item; resolve(result: Result): void; reject(error: unknown): void };
  let groups = new Map<string, Waiting[]>();

  const settle = async (waiting: readonly Waiting[], answer: Promise<readonly Result[]>) => {
    try {
      const results = await answer;
      for (const [index, { resolve }] of waiting.entries()) resolve(results[index] as Result);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  };
  const flush = () => {
    const all = [...groups.values()].flatMap((waiting) => inParts(waiting, deps.itemsPerGroup));
    groups = new Map();
    const answers = deps.ask(all.map((waiting) => waiting.map(({ item }) => item)));
    for (const [index, waiting] of all.entries()) void settle(waiting, answers[index] as Promise<readonly Result[]>);
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

function inParts<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let from = 0; from < items.length; from += size) parts.push(items.slice(from, from + size));
  return parts;
}
