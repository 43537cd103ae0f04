import { untilAborted } from "../../config/until-aborted.ts";
import type { Resolution } from "../../selection/resolution.ts";
import { type Answer, type AnswerSource, answerFrom } from "../answer.ts";
import { SignalboxClientError } from "../client-error.ts";
import type { EventListener } from "../events.ts";
import { type Question, qualifiedObjective } from "../question.ts";
import type { Source } from "../source.ts";
import { type AnswerCache, type CachedAnswer, contextKey, questionKey } from "./answer-cache.ts";
import { askTogether } from "./ask-together.ts";
import { createBatcher } from "./batcher.ts";
import type { KnownDefaults } from "./defaults.ts";
import { NoAnswerError, type ResolverPool } from "./resolver-pool.ts";
import { type Refusal, RefusedError, type ResolveCall, type ResolveResult } from "./transport.ts";

export type RemoteSourceDeps = {
  readonly pool: ResolverPool;
  readonly cache: AnswerCache;
  readonly defaults: KnownDefaults;
  /** How long after its `ttlMs` an answer is still given while it is being asked for anew. */
  readonly staleMs: number;
  readonly token: string | undefined;
  readonly emit: EventListener;
  /** Milliseconds, of a clock that only goes forward. */
  readonly nowMs: () => number;
};

/** How many objectives a resolver takes at once. */
const objectivesPerCall = 100;

/** Asks resolvers, and remembers what they said. */
export function createRemoteSource(deps: RemoteSourceDeps): Source {
  const { pool, cache, defaults, emit, nowMs } = deps;
  const underWay = new Map<string, Promise<Resolution>>();
  const ask = createBatcher<Question, ResolveResult>({
    groupOf,
    ask: (groups) =>
      askTogether(
        pool,
        groups.map((questions) => callOf(questions, deps.token)),
      ),
    itemsPerGroup: objectivesPerCall,
  });

  const askOne = async (question: Question): Promise<Resolution> => {
    const result = await ask(question);
    if ("refused" in result) throw new RefusedError(result.refused);
    return result;
  };
  /** One call at a time for each question, however many ask it. */
  const refresh = (key: string, question: Question): Promise<Resolution> => {
    const asked = underWay.get(key);
    if (asked) return asked;
    const asking = askOne(question)
      .then((resolution) => {
        cache.set(key, { resolution, receivedAtMs: nowMs() });
        return resolution;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, asking);
    return asking;
  };
  const inBackground = (key: string, question: Question) => void refresh(key, question).catch(() => undefined);

  const known = (question: Question, cached: CachedAnswer | undefined): Answer | undefined => {
    if (cached) return answerFrom(cached.resolution, "stale");
    const resolution = defaults.get(qualifiedObjective(question));
    return resolution && answerFrom(resolution, "default", question.labels);
  };
  const fellBack = (answer: Answer, reason: string): Answer => {
    const source = answer.source as Extract<AnswerSource, "stale" | "default">;
    emit({ type: "fell-back", objective: answer.objective, source, reason });
    return answer;
  };

  const askOrFallBack = async (
    question: Question,
    key: string,
    cached: CachedAnswer | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Answer> => {
    const fallback = known(question, cached);
    if (fallback && pool.isDown()) return fellBack(fallback, "all resolvers failed a moment ago");
    try {
      return answerFrom(await untilAborted(refresh(key, question), signal), "resolver");
    } catch (error) {
      const failure = failureOf(error);
      if (!(failure instanceof SignalboxClientError) || failure.code !== "unavailable") throw failure;
      if (fallback) return fellBack(fallback, failure.message);
      throw failure;
    }
  };

  return {
    resolve: (question, signal) => {
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (question.override) return forced(askOne(question), signal);
      defaults.want(question.namespace);
      const key = questionKey(question);
      const cached = cache.get(key);
      if (cached) {
        const ageMs = nowMs() - cached.receivedAtMs;
        const { ttlMs } = cached.resolution;
        if (ageMs < ttlMs) return answerFrom(cached.resolution, "cache");
        if (ttlMs > 0 && ageMs < ttlMs + deps.staleMs) {
          if (!pool.isDown()) inBackground(key, question);
          return answerFrom(cached.resolution, "stale");
        }
      }
      return askOrFallBack(question, key, cached, signal);
    },
    defaultFor: (objective) => {
      const resolution = defaults.get(objective);
      return resolution && answerFrom(resolution, "default");
    },
    ready: defaults.ready,
    close: async () => {
      pool.close();
      await defaults.close();
    },
  };
}

/** A forced version is given by a resolver or by nobody. */
async function forced(asking: Promise<Resolution>, signal: AbortSignal | undefined): Promise<Answer> {
  try {
    return answerFrom(await untilAborted(asking, signal), "resolver");
  } catch (error) {
    throw failureOf(error);
  }
}

let overrides = 0;

/** What is one call, for several objectives: the same context, namespace and labels. */
function groupOf(question: Question): string {
  return question.override ? `override ${overrides++}` : contextKey(question);
}

function callOf(questions: readonly Question[], token: string | undefined): ResolveCall {
  const [{ namespace, context, labels, override }] = questions as [Question];
  const objectives = questions.map(({ objective }) => objective);
  return { namespace, objectives, context, labels, ...(override && { override, token }) };
}

/** As the caller is told: a refusal by its code; nothing but the resolvers' own failure as `unavailable`. */
function failureOf(error: unknown): unknown {
  if (error instanceof NoAnswerError) return new SignalboxClientError("unavailable", error.message, { cause: error });
  return error instanceof RefusedError ? refused(error.refusal, error) : error;
}

function refused({ code, message, problems }: Refusal, cause: Error): SignalboxClientError {
  switch (code) {
    case "invalid_request":
    case "unknown_objective":
    case "override_denied":
    case "override_unknown_version":
      return new SignalboxClientError(code, message, { cause, problems });
    case "payload_too_large":
      return new SignalboxClientError("invalid_request", message, { cause });
    default:
      return new SignalboxClientError("unavailable", `${code}: ${message}`, { cause });
  }
}
