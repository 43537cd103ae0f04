/** Lets so many in at a time; the others wait in line. */
export type Gate = {
  /** Resolves with what lets the next one in, to be called once. Rejects with the signal's reason when it aborts. */
  enter(signal: AbortSignal): Promise<() => void>;
};

export function createGate(places: number): Gate {
  let taken = 0;
  const line = new Set<() => void>();
  const leave = () => {
    taken--;
    const [next] = line;
    if (next) next();
  };
  return {
    enter: (signal) =>
      new Promise((resolve, reject) => {
        const goIn = () => {
          line.delete(goIn);
          signal.removeEventListener("abort", giveUp);
          taken++;
          resolve(leave);
        };
        const giveUp = () => {
          line.delete(goIn);
          reject(signal.reason);
        };
        if (signal.aborted) return giveUp();
        if (taken < places) return goIn();
        line.add(goIn);
        signal.addEventListener("abort", giveUp, { once: true });
      }),
  };
}
