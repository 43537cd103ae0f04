import { messageOf } from "../client-error.ts";
import type { EventListener } from "../events.ts";
import { createLatencyWindow } from "./latency-window.ts";
import { answered, createStanding, failed, inOrder, lost, type Standing } from "./standing.ts";
import { RefusedError, type Transport } from "./transport.ts";

/** Several resolvers as one. */
export type ResolverPool = {
  /**
   * What the first resolver that answers says. When it does not within the 95th percentile of the latest answers'
   * times, a second one is asked as well; when it fails, the next at once. Throws RefusedError when a resolver refuses
   * for good, NoAnswerError when none answers within the time limit.
   */
  ask<T>(call: (transport: Transport, signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Every resolver has failed within the last seconds, so that asking again would most likely be waiting for nothing. */
  isDown(): boolean;
  /** Fails what is under way. */
  close(): void;
};

export type ResolverPoolDeps = {
  readonly transports: readonly Transport[];
  /** For all attempts together. */
  readonly timeoutMs: number;
  readonly emit: EventListener;
  /** Milliseconds, of a clock that only goes forward. */
  readonly nowMs: () => number;
  readonly random: () => number;
};

/** No resolver answered; the message says of each why. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

const firstHedgeMs = 50;
const soonestHedgeMs = 2;
/** Resolvers that all slow down must not get twice the requests for it: one call in ten may be asked twice. */
const hedgesPerCall = 0.1;
const hedgesAtOnce = 10;

export function createResolverPool(deps: ResolverPoolDeps): ResolverPool {
  const standings = deps.transports.map(createStanding);
  const latency = createLatencyWindow(Math.min(firstHedgeMs, deps.timeoutMs / 2));
  const budget = createBudget();
  const closing = new AbortController();
  const hedgeMs = () => Math.min(deps.timeoutMs / 2, Math.max(soonestHedgeMs, latency.p95()));
  return {
    ask: (call) => {
      budget.earn();
      return askInTurn(
        { ...deps, standings, hedgeMs, mayHedge: budget.spend, onAnswer: latency.add, closing: closing.signal },
        call,
      );
    },
    isDown: () => standings.every(({ avoidedUntilMs }) => avoidedUntilMs > deps.nowMs()),
    close: () => {
      closing.abort();
      for (const { close } of deps.transports) close();
    },
  };
}

function createBudget() {
  let hedges = hedgesAtOnce;
  return {
    earn: () => {
      hedges = Math.min(hedgesAtOnce, hedges + hedgesPerCall);
    },
    spend: () => {
      if (hedges < 1) return false;
      hedges -= 1;
      return true;
    },
  };
}

type TurnDeps = ResolverPoolDeps & {
  readonly standings: readonly Standing[];
  readonly hedgeMs: () => number;
  readonly mayHedge: () => boolean;
  readonly onAnswer: (milliseconds: number) => void;
  readonly closing: AbortSignal;
};

function askInTurn<T>(deps: TurnDeps, call: (transport: Transport, signal: AbortSignal) => Promise<T>): Promise<T> {
  const { emit, nowMs, timeoutMs } = deps;
  const waiting = [...inOrder(deps.standings, nowMs(), deps.random)];
  const underWay = new Map<Standing, number>();
  const ending = new AbortController();
  const failures: string[] = [];
  const avoid = ({ transport: { url } }: Standing, forMs: number | null) => {
    if (forMs !== null) emit({ type: "resolver-avoided", url, forMs });
  };

  return new Promise<T>((resolve, reject) => {
    let hedgeTimer: ReturnType<typeof setTimeout> | undefined;
    let isSettled = false;
    const settle = (outcome: () => void) => {
      isSettled = true;
      clearTimeout(deadline);
      clearTimeout(hedgeTimer);
      deps.closing.removeEventListener("abort", onClosing);
      outcome();
      ending.abort();
    };
    const noAnswer = (problem: string) => {
      settle(() => reject(new NoAnswerError([problem, ...failures].join("; "))));
    };
    const onClosing = () => noAnswer("the client is closed");
    if (deps.closing.aborted) return reject(new NoAnswerError("the client is closed"));
    deps.closing.addEventListener("abort", onClosing, { once: true });
    const deadline = setTimeout(() => {
      for (const standing of underWay.keys()) avoid(standing, failed(standing, nowMs()));
      const silent = [...underWay.keys()].map(({ transport }) => transport.url).join(", ");
      noAnswer(`no answer within ${timeoutMs} ms from ${silent}`);
    }, timeoutMs);

    const hedge = () => {
      const [next] = waiting;
      if (!next || !deps.mayHedge()) return;
      emit({ type: "hedged", url: next.transport.url, afterMs: deps.hedgeMs() });
      startNext();
    };
    const startNext = () => {
      const standing = waiting.shift();
      if (!standing) return;
      const startedAtMs = nowMs();
      underWay.set(standing, startedAtMs);
      clearTimeout(hedgeTimer);
      if (waiting.length > 0) hedgeTimer = setTimeout(hedge, deps.hedgeMs());
      call(standing.transport, ending.signal).then(
        (value) => onAnswer(standing, startedAtMs, () => resolve(value)),
        (error: unknown) => {
          const isFinal = error instanceof RefusedError && !error.refusal.retryable;
          if (isFinal) onAnswer(standing, startedAtMs, () => reject(error));
          else onFailure(standing, error);
        },
      );
    };
    const onAnswer = (standing: Standing, startedAtMs: number, outcome: () => void) => {
      underWay.delete(standing);
      if (isSettled) return;
      deps.onAnswer(nowMs() - startedAtMs);
      answered(standing);
      for (const [slower, sinceMs] of underWay) {
        if (nowMs() - sinceMs >= deps.hedgeMs()) avoid(slower, lost(slower, nowMs()));
      }
      settle(outcome);
    };
    const onFailure = (standing: Standing, error: unknown) => {
      underWay.delete(standing);
      if (isSettled) return;
      const { url } = standing.transport;
      const reason = messageOf(error);
      failures.push(`${url}: ${reason}`);
      emit({ type: "resolver-failed", url, reason });
      avoid(standing, failed(standing, nowMs()));
      if (waiting.length > 0) startNext();
      else if (underWay.size === 0) noAnswer("no resolver answers");
    };
    startNext();
  });
}
