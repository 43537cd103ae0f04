import { z } from "zod";
import { attributeName, modelVersion, name } from "../config/documents/common.ts";
import { explainIssue, problemsOfIssues } from "../config/explain-issue.ts";
import { formatPath } from "../config/field-path.ts";
import { type Context, contextLimits, type ParsedContext, parseContext } from "../selection/context.ts";
import { clientName, type TrafficClass, trafficClasses } from "../selection/labels.ts";
import { type RequestProblem, SignalboxError } from "../service/errors.ts";

/** The limits of a request; that of its bytes is RESOLVER_MAX_REQUEST_BYTES. */
export const requestLimits = { objectives: 100, requests: 100, problems: 100, problemsInMessage: 10 } as const;

const attribute = { type: ["string", "number", "boolean"] as const };

// Checked by parseContext, which is a part of the contract of selection/; this is for the OpenAPI document.
export const contextSchema = z.unknown().meta({
  type: "object",
  description: `Attributes that rules and splits read, the unit among them (\`{"userId": "42"}\`); null is absent. Never model inputs.`,
  maxProperties: contextLimits.attributes,
  propertyNames: { pattern: attributeName.source },
  additionalProperties: {
    anyOf: [
      { type: [...attribute.type, "null"], maxLength: contextLimits.stringCharacters },
      { type: "array", maxItems: contextLimits.valuesPerList, items: attribute },
    ],
  },
});

const override = z
  .strictObject({
    objective: name.optional().describe("Which of several objectives it is for."),
    model: name.optional().describe("The model of the objective's default when absent."),
    version: modelVersion,
  })
  .describe("Forces a model version; needs `authorization: Bearer <token>`.");

/**
 * The body of `POST /v1/resolve` and `POST /v1/explain`, but for what {@link parseRequest} checks of its fields
 * together. Without refinements zod checks it in a tenth of the time.
 */
export const requestSchema = z
  .strictObject({
    namespace: name.default("default").describe("The tenant."),
    objective: name.optional().describe("The objective; its error is the error of the call."),
    objectives: z
      .array(name)
      .min(1)
      .max(requestLimits.objectives)
      .optional()
      .meta({ description: "Several objectives; each result holds its own error.", uniqueItems: true }),
    context: contextSchema.optional(),
    override: override.optional(),
    trafficClass: z
      .enum(trafficClasses)
      .optional()
      .describe("What kind of traffic the request is; becomes the header x-signalbox-traffic-class."),
    client: z
      .string()
      .regex(clientName, "must be 1 to 63 letters, digits, dots, hyphens or underscores")
      .optional()
      .describe("The calling service; becomes the header x-signalbox-client."),
  })
  .meta({ oneOf: [{ required: ["objective"] }, { required: ["objectives"] }] });

export type ResolveRequest = {
  readonly namespace: string;
  /** In the order asked; at least one. */
  readonly objectives: readonly string[];
  /** Asked as `objective`: its error is the error of the call. */
  readonly single: boolean;
  readonly context: Context;
  readonly override?: { readonly objective?: string; readonly model?: string; readonly version: string };
  readonly trafficClass?: TrafficClass;
  readonly client?: string;
};

const empty: Context = Object.freeze(Object.create(null));
const noContext: ParsedContext = { ok: true, context: empty };

/** Reads a request from parsed JSON; throws `invalid_request` with every problem at once. */
export function parseRequest(input: unknown): ResolveRequest {
  const parsed = requestSchema.safeParse(input, { error: explainIssue });
  const fields: Fields = typeof input === "object" && input !== null ? input : {};
  const parsedContext = fields.context === undefined ? noContext : parseContext(fields.context);
  const mismatch = mismatchOf(fields);
  if (parsed.success && parsedContext.ok && mismatch === null) {
    const { namespace, objective, objectives, override, trafficClass, client } = parsed.data;
    const single = objective !== undefined;
    const { context } = parsedContext;
    return {
      namespace,
      single,
      objectives: single ? [objective] : (objectives ?? []),
      context,
      override,
      trafficClass,
      client,
    };
  }
  const ofFields = parsed.success ? [] : problemsOfIssues(parsed.error.issues);
  throw invalidRequest([
    ...ofFields.map(({ path, message }) => ({ path: formatPath(path), message })),
    ...(parsedContext.ok ? [] : parsedContext.problems),
    ...(mismatch === null ? [] : [mismatch]),
  ]);
}

/** A request whose fields may hold anything yet. */
type Fields = { readonly [field in keyof z.input<typeof requestSchema>]?: unknown };

/** What is wrong between fields that may each be right; null when nothing is. */
function mismatchOf({ objective, objectives, override }: Fields): RequestProblem | null {
  if ((objective === undefined) === (objectives === undefined))
    return { path: "", message: "must have exactly one of objective and objectives" };
  if (objectives === undefined && override === undefined) return null;
  const asked: readonly unknown[] = Array.isArray(objectives) ? objectives : [objective];
  if (new Set(asked).size < asked.length) return { path: "objectives", message: "must name each objective once" };
  if (typeof override !== "object" || override === null) return null;
  const { objective: overridden } = override as Fields;
  const path = "override.objective";
  if (overridden === undefined && asked.length > 1)
    return { path, message: "is missing; it must be one of the objectives asked for" };
  if (overridden !== undefined && !asked.includes(overridden))
    return { path, message: "must be one of the objectives asked for" };
  return null;
}

function invalidRequest(all: readonly RequestProblem[]): SignalboxError {
  const sentences = all
    .slice(0, requestLimits.problemsInMessage)
    .map(({ path, message }) => `${path} ${message}`.trim());
  const more = all.length > sentences.length ? `; and ${all.length - sentences.length} more` : "";
  const problems = all.slice(0, requestLimits.problems);
  return new SignalboxError("invalid_request", `The request is not valid: ${sentences.join("; ")}${more}`, {
    problems,
  });
}
