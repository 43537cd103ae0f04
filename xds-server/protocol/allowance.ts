export type AllowanceOptions = {
  /** How many are allowed within `perMs` milliseconds. */
  readonly lines: number;
  readonly perMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

/** A limit on what one client can make the log say. */
export type Allowance = {
  /** Whether one more is allowed; `last` when it is the last one for a while. */
  take(): "yes" | "last" | "none";
};

/** An allowance that is renewed whole, `perMs` after its first use. */
export function createAllowance({ lines, perMs, now }: AllowanceOptions): Allowance {
  let used = 0;
  let renewsAt = 0;
  return {
    take: () => {
      if (now() >= renewsAt) {
        used = 0;
        renewsAt = now() + perMs;
      }
      used++;
      if (used > lines) return "none";
      return used === lines ? "last" : "yes";
    },
  };
}
