import { z } from "zod";
import { type ErrorCode, errorMeanings } from "../service/errors.ts";
import { explanationSchema } from "./explanation.ts";
import { contextSchema, requestLimits, requestSchema } from "./request.ts";
import { resolutionSchema } from "./resolution.ts";
import { revisionSchema } from "./revision.ts";

/** The codes that the endpoints answer. */
const codes = [
  "invalid_request",
  "override_denied",
  "unknown_objective",
  "payload_too_large",
  "unsupported_media_type",
  "override_unknown_version",
  "internal",
  "not_ready",
] as const satisfies readonly ErrorCode[];

const problem = z.object({ path: z.string().describe("Such as `context.userId`."), message: z.string() });

const error = z.object({
  error: z.object({
    code: z.enum(codes),
    message: z.string(),
    problems: z.array(problem).optional().describe("Everything that is wrong with the request."),
    retryable: z.boolean().describe("Whether the same request may succeed later."),
  }),
});

const objectiveError = z.object({
  objective: z.string().describe("`<namespace>/<objective>`"),
  error: z.object({ code: z.enum(codes), message: z.string(), retryable: z.boolean() }),
});

const flag = z.object({
  key: z.string().describe("`<objective>`, or one of its fields such as `<objective>.routingKey`."),
  value: z.unknown().describe("Of `<objective>`, the Resolution."),
  reason: z.enum(["SPLIT", "TARGETING_MATCH", "DEFAULT"]),
  variant: z.string().describe("The arm of the split; where nothing was split, `model@version`."),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

const flagFailure = z.object({
  key: z.string().optional(),
  errorCode: z.enum(["PARSE_ERROR", "INVALID_CONTEXT", "FLAG_NOT_FOUND", "GENERAL"]),
  errorDetails: z.string(),
});

/** The OpenAPI 3.1 document of the resolver, from the same schemas that check its requests. */
export function createOpenApi(version: string): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "Signalbox resolver",
      version,
      description:
        "Which model version answers a request: a small context in; a routing key and the configuration for the model out. It never sees the request itself.",
    },
    paths: {
      "/v1/resolve": {
        post: operation("resolve", "Decide for one or many objectives", "Resolution", "Resolutions"),
      },
      "/v1/explain": {
        post: operation("explain", "Say for every rule why it did or did not match", "Explanation", "Explanations"),
      },
      "/v1/resolve-many": { post: manyOperation() },
      "/v1/defaults": { get: defaultsOperation() },
      "/ofrep/v1/evaluate/flags/{key}": { post: flagOperation() },
      "/ofrep/v1/evaluate/flags": { post: flagsOperation() },
      "/v1/revisions/{revision}": { get: revisionOperation() },
    },
    components: {
      securitySchemes: {
        override: { type: "http", scheme: "bearer", description: "Only for requests with an `override`." },
      },
      schemas: componentSchemas({
        Request: requestSchema,
        Resolution: resolutionSchema,
        Resolutions: results(resolutionSchema),
        Requests: z.object({ requests: z.array(requestSchema).min(1).max(requestLimits.requests) }),
        Answers: z.object({
          answers: z
            .array(z.union([resolutionSchema, results(resolutionSchema), error]))
            .describe("What each request alone would get, in the order asked."),
        }),
        Explanation: explanationSchema,
        Explanations: results(explanationSchema),
        Defaults: z.object({ results: z.array(resolutionSchema).describe("By objective, ascending.") }),
        Revision: revisionSchema,
        FlagRequest: z.object({ context: contextSchema }),
        Flag: flag,
        FlagFailure: flagFailure,
        Flags: z.object({ flags: z.array(z.union([flag, flagFailure])).describe("By objective, ascending.") }),
        ObjectiveError: objectiveError,
        Error: error,
      }),
    },
  };
}

function results(each: z.ZodType) {
  return z.object({ results: z.array(z.union([each, objectiveError])).describe("In the order asked.") });
}

function componentSchemas(schemas: Readonly<Record<string, z.ZodType>>): object {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  // As input: an answer may gain fields, so none of its objects is closed.
  const converted = z.toJSONSchema(registry, { io: "input", target: "draft-2020-12", uri: (id) => reference(id).$ref });
  return Object.fromEntries(Object.entries(converted.schemas).map(([id, { $schema, $id, ...schema }]) => [id, schema]));
}

function operation(operationId: string, summary: string, single: string, several: string): object {
  const oneOf = [reference(single), reference(several)];
  return {
    operationId,
    summary,
    security: [{}, { override: [] }],
    requestBody: { required: true, content: { "application/json": { schema: reference("Request") } } },
    responses: {
      200: {
        description: `${single} for a request with \`objective\`; ${several} for one with \`objectives\`, whatever came of each.`,
        content: { "application/json": { schema: { oneOf } } },
      },
      ...errorResponses(),
    },
  };
}

function manyOperation(): object {
  return {
    operationId: "resolveMany",
    summary: "Several requests at once, each with its own context",
    security: [{}, { override: [] }],
    requestBody: { required: true, content: { "application/json": { schema: reference("Requests") } } },
    responses: {
      200: {
        description: "An answer to each request, whatever came of it",
        content: { "application/json": { schema: reference("Answers") } },
      },
      ...errorResponses(["invalid_request", "payload_too_large", "unsupported_media_type", "internal", "not_ready"]),
    },
  };
}

function defaultsOperation(): object {
  const tag = { type: "string", description: "The `ETag` of an earlier answer." };
  return {
    operationId: "defaults",
    summary: "The default answer of every objective of a namespace, to keep for when no resolver answers",
    parameters: [
      { name: "namespace", in: "query", schema: { type: "string", default: "default" } },
      { name: "If-None-Match", in: "header", schema: tag },
    ],
    responses: {
      200: {
        description: "All defaults",
        headers: { ETag: { schema: { type: "string" } } },
        content: { "application/json": { schema: reference("Defaults") } },
      },
      304: { description: "They are those of `If-None-Match`" },
      ...errorResponses(["invalid_request", "internal", "not_ready"]),
    },
  };
}

function revisionOperation(): object {
  const revision = { type: "integer", minimum: 0 };
  return {
    operationId: "revision",
    summary: "Where a published revision is live: for pipelines that wait for it",
    parameters: [
      { name: "revision", in: "path", required: true, schema: revision },
      { name: "from", in: "query", description: "The first revision of the same batch.", schema: revision },
    ],
    responses: {
      200: { description: "Its state", content: { "application/json": { schema: reference("Revision") } } },
      ...errorResponses(["invalid_request", "internal", "not_ready"]),
    },
  };
}

const ofrepNamespace = {
  name: "x-signalbox-namespace",
  in: "header",
  schema: { type: "string", default: "default" },
};

/** The OpenFeature Remote Evaluation Protocol, https://openfeature.dev/docs/reference/technologies/ofrep/openapi. */
function flagOperation(): object {
  return {
    operationId: "evaluateFlag",
    summary: "OFREP: an objective, or a field of its answer, as an OpenFeature flag",
    parameters: [{ name: "key", in: "path", required: true, schema: { type: "string" } }, ofrepNamespace],
    requestBody: { required: true, content: { "application/json": { schema: reference("FlagRequest") } } },
    responses: {
      200: { description: "Evaluated", content: { "application/json": { schema: reference("Flag") } } },
      400: { description: "Bad request", content: { "application/json": { schema: reference("FlagFailure") } } },
      404: { description: "No such flag", content: { "application/json": { schema: reference("FlagFailure") } } },
    },
  };
}

function flagsOperation(): object {
  return {
    operationId: "evaluateFlags",
    summary: "OFREP: every objective of a namespace as a flag",
    parameters: [ofrepNamespace, { name: "If-None-Match", in: "header", schema: { type: "string" } }],
    requestBody: { required: true, content: { "application/json": { schema: reference("FlagRequest") } } },
    responses: {
      200: {
        description: "Evaluated",
        headers: { ETag: { schema: { type: "string" } } },
        content: { "application/json": { schema: reference("Flags") } },
      },
      304: { description: "As it was under `If-None-Match`" },
      400: { description: "Bad request", content: { "application/json": { schema: reference("FlagFailure") } } },
    },
  };
}

function errorResponses(of: readonly (typeof codes)[number][] = codes): object {
  const responses = of.map((code) => {
    const { httpStatus, retryable } = errorMeanings[code];
    const description = `\`${code}\`${retryable ? ", worth trying again" : ""}`;
    return [httpStatus, { description, content: { "application/json": { schema: reference("Error") } } }];
  });
  return Object.fromEntries(responses);
}

function reference(name: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}
