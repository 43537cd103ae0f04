import { z } from "zod";
import { type ErrorCode, errorMeanings } from "../service/errors.ts";
import { explanationSchema } from "./explanation.ts";
import { requestSchema } from "./request.ts";
import { resolutionSchema } from "./resolution.ts";

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
    },
    components: {
      securitySchemes: {
        override: { type: "http", scheme: "bearer", description: "Only for requests with an `override`." },
      },
      schemas: {
        Request: schemaOf(requestSchema, "input"),
        Resolution: schemaOf(resolutionSchema),
        Resolutions: schemaOf(results(resolutionSchema)),
        Explanation: schemaOf(explanationSchema),
        Explanations: schemaOf(results(explanationSchema)),
        Error: schemaOf(error),
      },
    },
  };
}

function results(each: z.ZodType) {
  return z.object({ results: z.array(z.union([each, objectiveError])).describe("In the order asked.") });
}

function schemaOf(schema: z.ZodType, io: "input" | "output" = "output"): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io, target: "draft-2020-12", unrepresentable: "any" });
  return rest;
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

function errorResponses(): object {
  const responses = codes.map((code) => {
    const { httpStatus, retryable } = errorMeanings[code];
    const description = `\`${code}\`${retryable ? ", worth trying again" : ""}`;
    return [httpStatus, { description, content: { "application/json": { schema: reference("Error") } } }];
  });
  return Object.fromEntries(responses);
}

function reference(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}
