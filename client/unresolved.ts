import { formatRoutingKey } from "../selection/routing-key.ts";
import { type Answer, answerFrom } from "./answer.ts";
import { SignalboxClientError } from "./client-error.ts";
import type { EventListener } from "./events.ts";
import { type Question, qualifiedObjective } from "./question.ts";
import type { Source } from "./source.ts";

/**
 * As the source answers; when it cannot, and knows nothing, an answer whose routing key names no version: Envoy, which
 * knows the objective's routes, then takes the default (`onUnknownKey: default`).
 */
export async function resolveOrUnresolved(
  source: Source,
  question: Question,
  emit: EventListener,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  try {
    return await source.resolve(question, signal);
  } catch (error) {
    if (!(error instanceof SignalboxClientError) || error.code !== "unavailable" || question.override) throw error;
    const objective = qualifiedObjective(question);
    emit({ type: "fell-back", objective, source: "unresolved", reason: error.message });
    return unresolved(question);
  }
}

const none = "unresolved";

function unresolved(question: Question): Answer {
  const routingKey = formatRoutingKey({ ...question, model: none, version: none });
  const resolution = {
    objective: qualifiedObjective(question),
    routingKey,
    headers: { "x-routing-key": routingKey },
    config: { model: none, version: none, variant: null, rule: "default", parameters: {} },
    revision: 0,
    ttlMs: 0,
    fallbackKeys: [],
    reason: "default" as const,
  };
  return answerFrom(resolution, "unresolved", question.labels);
}
