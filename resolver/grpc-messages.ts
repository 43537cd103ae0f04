import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ExplainRequest,
  type ExplainResponse,
  ExplainResponseSchema,
  type ExplanationSchema,
  type ListDefaultsResponse,
  ListDefaultsResponseSchema,
  type ResolutionSchema,
  type ResolveManyResponse,
  ResolveManyResponseSchema,
  type ResolveRequest as ResolveMessage,
  type ResolveResponse,
  ResolveResponseSchema,
  type SplitExplanationSchema,
  TrafficClass as TrafficClassNumber,
} from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import type { Decision } from "../selection/decision.ts";
import type { SplitExplanation } from "../selection/explain.ts";
import type { Labels, TrafficClass } from "../selection/labels.ts";
import { type Resolution, resolutionOf } from "../selection/resolution.ts";
import type { SignalboxError } from "../service/errors.ts";
import { type Explained, objectiveErrorOf } from "./answer.ts";
import type { Outcome } from "./decide.ts";
import type { Defaults } from "./defaults.ts";
import type { ResolveRequest } from "./request.ts";

const trafficClasses: Readonly<Record<number, TrafficClass | undefined>> = {
  [TrafficClassNumber.REAL]: "real",
  [TrafficClassNumber.SHADOW]: "shadow",
  [TrafficClassNumber.TEST]: "test",
  [TrafficClassNumber.SYNTHETIC]: "synthetic",
};

/** A request message in the form that HTTP has, to be checked by the same schema. Empty fields count as absent. */
export function fromMessage(message: ResolveMessage | ExplainRequest): unknown {
  const { override, trafficClass } = message;
  return {
    namespace: message.namespace || undefined,
    objective: message.objective || undefined,
    objectives: message.objectives.length > 0 ? message.objectives : undefined,
    context: message.context,
    override: override && {
      objective: override.objective || undefined,
      model: override.model || undefined,
      version: override.version,
    },
    // A number that this version does not know goes on to the schema, which refuses it.
    trafficClass:
      trafficClass === TrafficClassNumber.UNSPECIFIED ? undefined : (trafficClasses[trafficClass] ?? trafficClass),
    client: message.client || undefined,
  };
}

export function toResolveResponse(outcomes: readonly Outcome<Decision>[], request: ResolveRequest): ResolveResponse {
  const results = outcomes.map((outcome) => ({
    objective: outcome.objective,
    outcome:
      "value" in outcome
        ? { case: "resolution" as const, value: toResolution(outcome.value, request) }
        : { case: "error" as const, value: objectiveErrorOf(outcome.error) },
  }));
  return create(ResolveResponseSchema, { results });
}

/** What came of one request of several. */
export type ResolveAnswer = { readonly response: ResolveResponse } | { readonly error: SignalboxError };

export function toResolveManyResponse(answers: readonly ResolveAnswer[]): ResolveManyResponse {
  return create(ResolveManyResponseSchema, {
    answers: answers.map((answer) => ({
      outcome:
        "response" in answer
          ? { case: "response" as const, value: answer.response }
          : { case: "error" as const, value: objectiveErrorOf(answer.error) },
    })),
  });
}

export function toExplainResponse(outcomes: readonly Outcome<Explained>[], request: ResolveRequest): ExplainResponse {
  const results = outcomes.map((outcome) => ({
    objective: outcome.objective,
    outcome:
      "value" in outcome
        ? { case: "explanation" as const, value: toExplanation(outcome.value, request) }
        : { case: "error" as const, value: objectiveErrorOf(outcome.error) },
  }));
  return create(ExplainResponseSchema, { results });
}

export function toListDefaultsResponse({ version, resolutions }: Defaults, knownVersion: string): ListDefaultsResponse {
  if (knownVersion === version) return create(ListDefaultsResponseSchema, { version, unchanged: true });
  const results = resolutions.map((resolution) => ({
    objective: resolution.objective,
    outcome: { case: "resolution" as const, value: resolutionMessage(resolution) },
  }));
  return create(ListDefaultsResponseSchema, { version, results });
}

function toResolution(decision: Decision, labels: Labels): MessageInitShape<typeof ResolutionSchema> {
  return resolutionMessage(resolutionOf(decision, labels));
}

function resolutionMessage(resolution: Resolution): MessageInitShape<typeof ResolutionSchema> {
  const { config, revision, fallbackKeys, ...rest } = resolution;
  return {
    ...rest,
    fallbackKeys: [...fallbackKeys],
    config: { ...config, variant: config.variant ?? "", parameters: config.parameters as JsonObject },
    revision: BigInt(revision),
  };
}

function toExplanation(explanation: Explained, labels: Labels): MessageInitShape<typeof ExplanationSchema> {
  const { decision, unit, experiments, rules, oneCall } = explanation;
  return {
    resolution: toResolution(decision, labels),
    unitAttribute: unit.attribute,
    unit: unit.value ?? undefined,
    experiments: experiments.map(({ why, split, ...rest }) => ({ ...rest, why: [...why], split: toSplit(split) })),
    rules: rules.map(({ why, split, ...rest }) => ({ ...rest, why: [...why], split: toSplit(split) })),
    oneCall: {
      engine: oneCall.engine,
      why: [...oneCall.why],
      attributes: oneCall.attributes.map(({ header, baggage, ...rest }) => ({
        ...rest,
        header: header ?? "",
        baggage: baggage ?? "",
      })),
    },
  };
}

function toSplit(split: SplitExplanation | null): MessageInitShape<typeof SplitExplanationSchema> | undefined {
  if (split === null) return undefined;
  return { ...split, arms: split.arms.map(({ score, ...arm }) => ({ ...arm, score: score ?? undefined })) };
}
