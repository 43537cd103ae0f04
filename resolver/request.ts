import { z } from "zod";
import { attributeName, modelVersion, name } from "../config/documents/common.ts";
import { evenIfPartsAreBad, report, unique } from "../config/documents/refinements.ts";
import { explainIssue, problemsOfIssues } from "../config/explain-issue.ts";
import { formatPath } from "../config/field-path.ts";
import { type Context, contextLimits, parseContext } from "../selection/context.ts";
import { SignalboxError } from "../service/errors.ts";

/** The limits of a request; that of its bytes is RESOLVER_MAX_REQUEST_BYTES. */
export const requestLimits = { objectives: 100, problems: 100, problemsInMessage: 10 } as const;

export const trafficClasses = ["real", "shadow", "test", "synthetic"] as const;
export type TrafficClass = (typeof trafficClasses)[number];

const attribute = { type: ["string", "number", "boolean"] as const };

const context = z
  .unknown()
  .meta({
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
  })
  .transform((value, ctx): Context => {
    const parsed = parseContext(value ?? {});
    if (parsed.ok) return parsed.context;
    for (const { path, message } of parsed.problems) {
      ctx.issues.push({ code: "custom", message, input: undefined, path: path.split(/\.(.*)/s).slice(1, 2) });
    }
    return z.NEVER;
  });

const override = z
  .strictObject({
    objective: name.optional().describe("Which of several objectives it is for."),
    model: name.optional().describe("The model of the objective's default when absent."),
    version: modelVersion,
  })
  .describe("Forces a model version; needs `authorization: Bearer <token>`.");

/** The body of `POST /v1/resolve` and `POST /v1/explain`. */
export const requestSchema = z
  .strictObject({
    namespace: name.default("default").describe("The tenant."),
    objective: name.optional().describe("The objective; its error is the error of the call."),
    objectives: z
      .array(name)
      .min(1)
      .max(requestLimits.objectives)
      .superRefine(unique((each) => each, ""))
      .optional()
      .describe("Several objectives; each result holds its own error."),
    context: context.optional(),
    override: override.optional(),
    trafficClass: z
      .enum(trafficClasses)
      .optional()
      .describe("What kind of traffic the request is; becomes the header x-signalbox-traffic-class."),
    client: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,63}$/, "must be 1 to 63 letters, digits, dots, hyphens or underscores")
      .optional()
      .describe("The calling service; becomes the header x-signalbox-client."),
  })
  .superRefine((value, ctx) => {
    const { objective, objectives, override } = value;
    if ((objective === undefined) === (objectives === undefined))
      report(ctx, [], "must have exactly one of objective and objectives");
    if (override?.objective !== undefined && ![objective, ...(objectives ?? [])].includes(override.objective))
      report(ctx, ["override", "objective"], "is not one of the objectives asked for");
    if (override && override.objective === undefined && Array.isArray(objectives) && objectives.length > 1)
      report(ctx, ["override", "objective"], "is missing; it must say which of the objectives to override");
  }, evenIfPartsAreBad)
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

const noContext: Context = Object.freeze(Object.create(null));

/** Reads a request from parsed JSON; throws `invalid_request` with every problem at once. */
export function parseRequest(input: unknown): ResolveRequest {
  const parsed = requestSchema.safeParse(input, { error: explainIssue });
  if (!parsed.success) throw invalidRequest(parsed.error.issues);
  const { objective, objectives, context, ...rest } = parsed.data;
  const single = objective !== undefined;
  return { ...rest, single, objectives: single ? [objective] : (objectives ?? []), context: context ?? noContext };
}

function invalidRequest(issues: readonly z.core.$ZodIssue[]): SignalboxError {
  const all = problemsOfIssues(issues).map(({ path, message }) => ({ path: formatPath(path), message }));
  const sentences = all
    .slice(0, requestLimits.problemsInMessage)
    .map(({ path, message }) => `${path} ${message}`.trim());
  const more = all.length > sentences.length ? `; and ${all.length - sentences.length} more` : "";
  const problems = all.slice(0, requestLimits.problems);
  return new SignalboxError("invalid_request", `The request is not valid: ${sentences.join("; ")}${more}`, {
    problems,
  });
}
