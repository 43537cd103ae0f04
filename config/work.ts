/** Work in pieces: it yields after each, where others may have a turn, and returns what it made. */
export type Work<T> = Generator<undefined, T>;

/** Does the work in one go. */
export function doAtOnce<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Does the work with `pause` (of `createPause`) awaited between its pieces. Rejects where the work throws. */
export async function doInPieces<T>(work: Work<T>, pause: () => Promise<void>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await pause();
  }
}
