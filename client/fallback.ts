import { formatDecisionHeader } from "../selection/decision-header.ts";
import { parseRoutingKey } from "../selection/routing-key.ts";
import { type Answer, answerFrom } from "./answer.ts";

/**
 * The answers to try, in order, when a request with `answer` failed: one for each of its fallback keys. `known` is the
 * objective's default as last heard of, with the parameters of its model version; of a key that is not that, only the
 * model and version are known.
 */
export function fallbacksOf(answer: Answer, known: Answer | undefined): readonly Answer[] {
  return answer.fallbackKeys.flatMap((key) => {
    const labels = { ...answer.headers };
    if (known?.routingKey === key) return [{ ...known, headers: { ...labels, ...known.headers } }];
    const parts = parseRoutingKey(key);
    return parts === null ? [] : [bareAnswer(answer, key, parts)];
  });
}

function bareAnswer(
  answer: Answer,
  routingKey: string,
  { model, version }: { model: string; version: string },
): Answer {
  const { objective, revision, ttlMs } = answer;
  const config = { model, version, variant: null, rule: "default", parameters: {} };
  const decision = formatDecisionHeader({ objective, ...config, revision, reason: "default" });
  const headers = { ...answer.headers, "x-routing-key": routingKey, "x-signalbox-decision": decision };
  const resolution = {
    objective,
    routingKey,
    headers,
    config,
    revision,
    ttlMs,
    fallbackKeys: [],
    reason: "default" as const,
  };
  return answerFrom(resolution, "default");
}
