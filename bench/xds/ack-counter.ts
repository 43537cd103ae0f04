/** Notes when the ACKs of one type come in. */
export type AckCounter = {
  /** From now on; resolves with the milliseconds after which each of the `wanted` ACKs came. */
  start(typeUrl: string, wanted: number): Promise<readonly number[]>;
  note(typeUrl: string): void;
};

export function createAckCounter(): AckCounter {
  let waiting: { typeUrl: string; wanted: number; startedAt: number; after: number[]; done(after: number[]): void };
  return {
    start: (typeUrl, wanted) => {
      const { promise, resolve } = Promise.withResolvers<number[]>();
      waiting = { typeUrl, wanted, startedAt: performance.now(), after: [], done: resolve };
      return promise;
    },
    note: (typeUrl) => {
      if (waiting?.typeUrl !== typeUrl) return;
      waiting.after.push(performance.now() - waiting.startedAt);
      if (waiting.after.length === waiting.wanted) waiting.done(waiting.after);
    },
  };
}
