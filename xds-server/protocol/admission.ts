export type AdmissionLimits = {
  /** Streams open at a time, those that have not said who they are included. */
  readonly streams: number;
  /** New streams a second, and how many may come at once after a quiet time. */
  readonly streamsPerSecond: number;
  readonly streamBurst: number;
};

/** Who may open one more stream. */
export type Admission = {
  /** Why one more stream is refused; undefined admits it, until `left` is called. */
  enter(): string | undefined;
  left(): void;
  open(): number;
};

/** A limit on the streams that are open, and on those that are opened (a token bucket). `now` gives milliseconds. */
export function createAdmission(limits: AdmissionLimits, now: () => number): Admission {
  const { streams, streamsPerSecond, streamBurst } = limits;
  let open = 0;
  let tokens = streamBurst;
  let filledAt = now();
  return {
    enter: () => {
      if (open >= streams) return `${open} streams are open, which is the most that is served; connect elsewhere`;
      tokens = Math.min(streamBurst, tokens + ((now() - filledAt) / 1000) * streamsPerSecond);
      filledAt = now();
      if (tokens < 1) return `more than ${streamsPerSecond} new streams a second; come back later`;
      tokens--;
      open++;
      return undefined;
    },
    left: () => void open--,
    open: () => open,
  };
}
