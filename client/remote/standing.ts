import type { Transport } from "./transport.ts";

/** One resolver, and whether it is worth asking first. */
export type Standing = {
  readonly transport: Transport;
  /** Before this time (milliseconds) it is asked only when all others are no better. */
  avoidedUntilMs: number;
  /** In a row: it did not answer, or not as a resolver does. */
  failures: number;
  /** In a row: another one was asked after it, and was quicker. */
  losses: number;
};

/** So many quicker answers of others in a row are no chance: it hangs. */
const lossesAllowed = 3;
const firstAvoidanceMs = 1000;
const longestAvoidanceMs = 5000;

export function createStanding(transport: Transport): Standing {
  return { transport, avoidedUntilMs: 0, failures: 0, losses: 0 };
}

export function answered(standing: Standing): void {
  standing.failures = 0;
  standing.losses = 0;
  standing.avoidedUntilMs = 0;
}

/** How long it is avoided from now on, in milliseconds; null when it is already: many calls may fail by one and the same cause. */
export function failed(standing: Standing, nowMs: number): number | null {
  if (standing.avoidedUntilMs > nowMs) return null;
  standing.failures++;
  standing.losses = 0;
  const forMs = Math.min(longestAvoidanceMs, firstAvoidanceMs * 2 ** Math.min(standing.failures - 1, 10));
  standing.avoidedUntilMs = nowMs + forMs;
  return forMs;
}

/** As {@link failed} when it was too often; null when it was not. */
export function lost(standing: Standing, nowMs: number): number | null {
  standing.losses++;
  return standing.losses < lossesAllowed ? null : failed(standing, nowMs);
}

/** The order in which they are asked: the good ones, beginning with any of them, then those that are avoided. */
export function inOrder(standings: readonly Standing[], nowMs: number, random: () => number): readonly Standing[] {
  const good = standings.filter(({ avoidedUntilMs }) => avoidedUntilMs <= nowMs);
  const first = Math.floor(random() * good.length);
  const avoided = standings.filter(({ avoidedUntilMs }) => avoidedUntilMs > nowMs);
  return [
    ...good.slice(first),
    ...good.slice(0, first),
    ...avoided.sort((a, b) => a.avoidedUntilMs - b.avoidedUntilMs),
  ];
}
