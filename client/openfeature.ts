import {
  ErrorCode,
  type EvaluationContext,
  type JsonValue,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  type ResolutionDetails,
  StandardResolutionReasons,
} from "@openfeature/server-sdk";
import type { Context } from "../selection/context.ts";
import { evaluateFlag, parseFlagKey, targetingKey } from "../selection/flag.ts";
import type { Answer } from "./answer.ts";
import { SignalboxClientError } from "./client-error.ts";
import type { Signalbox } from "./signalbox.ts";

export type SignalboxProviderOptions = {
  /** The attribute that OpenFeature's targeting key becomes where the context does not have it; `userId` by default. */
  readonly unit?: string;
};

/**
 * Objectives as OpenFeature flags, by a client of this process. The flag `<objective>` is an object, the whole answer;
 * `<objective>.routingKey`, `.model`, `.version`, `.variant`, `.rule`, `.parameters` and `.parameters.<name>` are its
 * fields. The client stays the caller's, who closes it.
 */
export function createSignalboxProvider(signalbox: Signalbox, options: SignalboxProviderOptions = {}): Provider {
  const { unit = "userId" } = options;
  const events = new OpenFeatureEventEmitter();
  let unsubscribe: () => void = () => undefined;

  const evaluate = async <T extends JsonValue>(
    flagKey: string,
    byDefault: T,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<T>> => {
    const { objective, field } = parseFlagKey(flagKey);
    try {
      const answer = await signalbox.resolve(objective, contextOf(context, unit));
      return detailsOf(answer, field, byDefault);
    } catch (error) {
      const errorMessage = error instanceof Error ? error.message : String(error);
      return { value: byDefault, reason: StandardResolutionReasons.ERROR, errorCode: codeOf(error), errorMessage };
    }
  };

  return {
    metadata: { name: "signalbox" },
    runsOn: "server",
    events,
    initialize: async () => {
      unsubscribe = signalbox.subscribe(({ type }) => {
        if (type === "changed") events.emit(ProviderEvents.ConfigurationChanged);
      });
      await signalbox.ready;
    },
    onClose: async () => unsubscribe(),
    resolveBooleanEvaluation: evaluate,
    resolveStringEvaluation: evaluate,
    resolveNumberEvaluation: evaluate,
    resolveObjectEvaluation: evaluate,
  };
}

function contextOf({ targetingKey: key, ...attributes }: EvaluationContext, unit: string): Context {
  const unitOrNothing = key === undefined || attributes[unit] !== undefined ? {} : { [unit]: key };
  const kept = key === undefined ? {} : { [targetingKey]: key };
  // What is no attribute is refused by the client, with its place.
  return { ...attributes, ...kept, ...unitOrNothing } as Context;
}

function detailsOf<T extends JsonValue>(answer: Answer, field: string, byDefault: T): ResolutionDetails<T> {
  const { source, ...resolution } = answer;
  const evaluation = evaluateFlag(resolution, field);
  if (evaluation === null) {
    const errorMessage = `objective ${answer.objective} has no ${field}`;
    return error(byDefault, ErrorCode.FLAG_NOT_FOUND, errorMessage);
  }
  const { value, variant, reason, metadata } = evaluation;
  if (typeof value !== typeof byDefault) {
    return error(byDefault, ErrorCode.TYPE_MISMATCH, `the value is of type ${typeof value}, not ${typeof byDefault}`);
  }
  const isOld = source === "stale" || source === "default";
  return {
    value: value as T,
    variant,
    reason: isOld ? StandardResolutionReasons.STALE : reason,
    flagMetadata: { ...metadata, source },
  };
}

function error<T>(value: T, errorCode: ErrorCode, errorMessage: string): ResolutionDetails<T> {
  return { value, reason: StandardResolutionReasons.ERROR, errorCode, errorMessage };
}

function codeOf(thrown: unknown): ErrorCode {
  if (!(thrown instanceof SignalboxClientError)) return ErrorCode.GENERAL;
  if (thrown.code === "unknown_objective") return ErrorCode.FLAG_NOT_FOUND;
  const isContext = thrown.problems.some(({ path }) => path.startsWith("context"));
  if (isContext) return ErrorCode.INVALID_CONTEXT;
  // A key that cannot be an objective's is one of no flag.
  return thrown.problems.some(({ path }) => path === "objective") ? ErrorCode.FLAG_NOT_FOUND : ErrorCode.GENERAL;
}
