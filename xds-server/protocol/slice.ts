import { setImmediate as nextTurn } from "node:timers/promises";

/** Work in slices: after each piece, `if (slice.isOver()) await slice.next()` gives the event loop its turn. */
export type Slice = {
  isOver(): boolean;
  next(): Promise<void>;
};

/** Slices of about `sliceMs` milliseconds. */
export function createSlice(sliceMs: number): Slice {
  let endsAt = performance.now() + sliceMs;
  return {
    isOver: () => performance.now() >= endsAt,
    next: async () => {
      await nextTurn();
      endsAt = performance.now() + sliceMs;
    },
  };
}
