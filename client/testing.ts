import type { Resolution } from "../selection/resolution.ts";
import { answerFrom } from "./answer.ts";
import type { ClientEvent } from "./events.ts";
import type { Question } from "./question.ts";
import type { Defaults, ResolveCall, ResolveResult, Transport } from "./remote/transport.ts";

/** Answers, questions and resolvers for the unit tests of this folder. */

export function resolution(version = "8", more: Partial<Resolution> = {}): Resolution {
  return {
    objective: "default/ranking",
    routingKey: `default/ranking/ranker@${version}`,
    headers: {
      "x-routing-key": `default/ranking/ranker@${version}`,
      "x-signalbox-decision": `model=ranker@${version}`,
    },
    config: { model: "ranker", version, variant: "canary", rule: "canary", parameters: { beam: 4 } },
    revision: 42,
    ttlMs: 10_000,
    fallbackKeys: version === "7" ? [] : ["default/ranking/ranker@7"],
    reason: "rule",
    ...more,
  };
}

export const answer = answerFrom(resolution(), "resolver");

export function question(userId = "1", more: Partial<Question> = {}): Question {
  return { namespace: "default", objective: "ranking", context: { userId }, labels: {}, ...more };
}

/** A resolver that answers as `behave` says, and writes down what it was asked. */
export type FakeTransport = Transport & {
  readonly calls: ResolveCall[];
  /** The number of calls of each `resolveMany`. */
  readonly requests: number[];
  readonly aborted: number;
  behave: (call: ResolveCall) => Promise<readonly ResolveResult[]>;
  defaultsAre: Defaults | Error;
};

export function fakeTransport(url: string): FakeTransport {
  let aborted = 0;
  const calls: ResolveCall[] = [];
  const requests: number[] = [];
  const transport: FakeTransport = {
    url,
    calls,
    requests,
    get aborted() {
      return aborted;
    },
    behave: async ({ objectives }) =>
      objectives.map((objective) => resolution("8", { objective: `default/${objective}` })),
    defaultsAre: { version: "1", resolutions: [resolution("7", { reason: "default" })] },
    resolve: (call, signal) => {
      calls.push(call);
      signal.addEventListener("abort", () => aborted++);
      return transport.behave(call);
    },
    resolveMany: async (calls, signal) => {
      requests.push(calls.length);
      return Promise.all(calls.map((call) => transport.resolve(call, signal)));
    },
    defaults: async (_namespace, knownVersion) => {
      const { defaultsAre } = transport;
      if (defaultsAre instanceof Error) throw defaultsAre;
      return defaultsAre.version === knownVersion ? null : defaultsAre;
    },
    close: () => undefined,
  };
  return transport;
}

export const never = () => new Promise<never>(() => undefined);

/** Events, written down. */
export function recordEvents() {
  const events: ClientEvent[] = [];
  return {
    events,
    emit: (event: ClientEvent) => void events.push(event),
    types: () => events.map(({ type }) => type),
  };
}

/** A clock that stands still until it is moved. */
export function fakeClock() {
  let nowMs = 1000;
  return {
    nowMs: () => nowMs,
    pass: (milliseconds: number) => {
      nowMs += milliseconds;
    },
  };
}
