import { type Labels, labelHeaders } from "../selection/labels.ts";
import { hasLabels, type Resolution } from "../selection/resolution.ts";

/**
 * Where an answer comes from:
 * - `local`: decided in this process;
 * - `resolver`: a resolver answered just now;
 * - `cache`: a resolver answered less than `ttlMs` ago;
 * - `stale`: the last answer for this context, although its time is over: it is being asked for anew, or no resolver answers;
 * - `default`: no resolver answers and none has for this context: the objective's default, from the last-good snapshot;
 * - `unresolved`: nothing is known of the objective: its key names no version, so that Envoy takes the default. Only
 *   `infer`, `fetch` and `interceptor` send it; `resolve` fails with `unavailable` instead.
 */
export type AnswerSource = "local" | "resolver" | "cache" | "stale" | "default" | "unresolved";

/** Which model version answers, and what to send with the request. */
export type Answer = Resolution & { readonly source: AnswerSource };

/** What came of one objective of several. `objective` is `<namespace>/<name>`. */
export type Outcome =
  | { readonly objective: string; readonly answer: Answer }
  | { readonly objective: string; readonly error: Error };

export function answerFrom(resolution: Resolution, source: AnswerSource, labels: Labels = {}): Answer {
  if (!hasLabels(labels)) return { ...resolution, source };
  return { ...resolution, headers: { ...resolution.headers, ...labelHeaders(labels) }, source };
}
