import { name as nameSchema } from "../config/documents/common.ts";
import { type Context, parseContext } from "../selection/context.ts";
import type { Override } from "../selection/decision.ts";
import type { Labels, TrafficClass } from "../selection/labels.ts";
import { trafficClasses } from "../selection/labels.ts";
import { type ClientProblem, SignalboxClientError } from "./client-error.ts";

/** What may be said of one call besides the objective and the context. */
export type ResolveOptions = {
  /** Another namespace than the client's. */
  readonly namespace?: string;
  /** What kind of traffic the request is; the client's own when absent. */
  readonly trafficClass?: TrafficClass;
  /** Forces a model version; needs the client's `token`, and a resolver to check it. */
  readonly override?: Override;
  /** Ends the wait: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
};

/** One question, checked. */
export type Question = {
  readonly namespace: string;
  readonly objective: string;
  readonly context: Context;
  readonly labels: Labels;
  readonly override?: Override;
};

export type QuestionDefaults = { readonly namespace: string; readonly labels: Labels };

/** Checks a call; throws `invalid_request` with everything that is wrong. */
export function questionOf(
  objective: string,
  context: unknown,
  options: ResolveOptions,
  defaults: QuestionDefaults,
): Question {
  const namespace = options.namespace ?? defaults.namespace;
  const trafficClass = options.trafficClass ?? defaults.labels.trafficClass;
  const parsed = parseContext(context);
  const problems = [
    ...nameProblems("objective", objective),
    ...nameProblems("namespace", namespace),
    ...trafficClassProblems(trafficClass),
    ...(parsed.ok ? [] : parsed.problems),
  ];
  if (problems.length > 0 || !parsed.ok) throw invalidRequest(problems);
  const { override } = options;
  const labels = trafficClass === undefined ? defaults.labels : { ...defaults.labels, trafficClass };
  return { namespace, objective, context: parsed.context, labels, ...(override === undefined ? {} : { override }) };
}

export function qualifiedObjective({ namespace, objective }: Question): string {
  return `${namespace}/${objective}`;
}

const known = new Set<string>();
const maxKnown = 10_000;

/** A name that was right once is not checked by the schema again. */
function nameProblems(path: string, value: unknown): readonly ClientProblem[] {
  if (typeof value === "string" && known.has(value)) return [];
  const parsed = nameSchema.safeParse(value);
  if (!parsed.success) return parsed.error.issues.map(({ message }) => ({ path, message }));
  if (known.size < maxKnown) known.add(parsed.data);
  return [];
}

function trafficClassProblems(value: unknown): readonly ClientProblem[] {
  if (value === undefined || trafficClasses.includes(value as TrafficClass)) return [];
  return [{ path: "trafficClass", message: `must be one of ${trafficClasses.join(", ")}` }];
}

const problemsInMessage = 10;

export function invalidRequest(problems: readonly ClientProblem[]): SignalboxClientError {
  const shown = problems.slice(0, problemsInMessage).map(({ path, message }) => `${path} ${message}`);
  const more = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : "";
  return new SignalboxClientError("invalid_request", `The call is not valid: ${shown.join("; ")}${more}`, { problems });
}
