import { create, type JsonObject } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  ListDefaultsRequestSchema,
  type ListDefaultsResponse,
  ResolveManyRequestSchema,
  type ResolveManyResponse,
  ResolveRequestSchema,
  type ResolveResponse,
  Resolver,
  type ResolveResult as ResultMessage,
  TrafficClass,
} from "../../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import type { Resolution } from "../../selection/resolution.ts";
import { methodDefinition } from "../../service/grpc-service.ts";
import { inject } from "../tracing.ts";
import { type CallAnswer, RefusedError, type ResolveCall, type ResolveResult, type Transport } from "./transport.ts";

/** A resolver over gRPC; `url` is `grpc://host:port`, or `grpcs://` for TLS with the machine's own authorities. */
export function createGrpcTransport(url: string): Transport {
  const { host, protocol } = new URL(url.replace(/^grpc/i, "http"));
  const channel = protocol === "https:" ? credentials.createSsl() : credentials.createInsecure();
  // A namespace may have many objectives, whose defaults come in one message.
  const client = new Client(host, channel, { "grpc.max_receive_message_length": -1 });
  const resolve = async (call: ResolveCall, signal: AbortSignal): Promise<readonly ResolveResult[]> => {
    const { results } = (await callUnary(client, "Resolve", requestOf(call), signal, call.token)) as ResolveResponse;
    if (results.length !== call.objectives.length) throw new Error("what answers is no resolver of this version");
    return results.map(toResult);
  };
  return {
    url,
    resolve,
    resolveMany: async (calls, signal) => {
      const request = create(ResolveManyRequestSchema, { requests: calls.map(requestOf) });
      const { answers } = (await callUnary(client, "ResolveMany", request, signal)) as ResolveManyResponse;
      if (answers.length !== calls.length) throw new Error("what answers is no resolver of this version");
      return answers.map(({ outcome }): CallAnswer => {
        if (outcome.case === "response") return outcome.value.results.map(toResult);
        const { code = "internal", message = "", retryable = false } = outcome.value ?? {};
        return { refused: { code, message, retryable, problems: [] } };
      });
    },
    defaults: async (namespace, knownVersion = "", signal) => {
      const request = create(ListDefaultsRequestSchema, { namespace, knownVersion });
      const { version, unchanged, results } = (await callUnary(
        client,
        "ListDefaults",
        request,
        signal,
      )) as ListDefaultsResponse;
      if (unchanged) return null;
      const resolutions = results.map(toResult).flatMap((result) => ("refused" in result ? [] : [result]));
      return { version, resolutions };
    },
    close: () => client.close(),
  };
}

const methods = Object.fromEntries(
  Resolver.methods.map((method) => [method.name, methodDefinition(Resolver, method)] as const),
);

function callUnary(
  client: Client,
  name: "Resolve" | "ResolveMany" | "ListDefaults",
  message: object,
  signal: AbortSignal,
  token?: string,
): Promise<unknown> {
  const method = methods[name] as NonNullable<(typeof methods)[string]>;
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(inject())) metadata.set(key, value);
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const { path, requestSerialize, responseDeserialize } = method;
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      metadata,
      (error, response) => {
        signal.removeEventListener("abort", cancel);
        if (error) reject(failureOf(error));
        else resolve(response);
      },
    );
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
  });
}

function failureOf(error: ServiceError): Error {
  const [code] = error.metadata?.get("x-signalbox-error") ?? [];
  if (code === undefined) return error;
  const retryable = error.code === status.UNAVAILABLE;
  return new RefusedError({ code: code.toString(), message: error.details, retryable, problems: [] });
}

const trafficClasses = {
  real: TrafficClass.REAL,
  shadow: TrafficClass.SHADOW,
  test: TrafficClass.TEST,
  synthetic: TrafficClass.SYNTHETIC,
} as const;

function requestOf({ namespace, objectives, context, labels, override }: ResolveCall) {
  const { trafficClass, client } = labels;
  return create(ResolveRequestSchema, {
    namespace,
    objectives: [...objectives],
    context: { ...context } as JsonObject,
    override,
    client,
    ...(trafficClass === undefined ? {} : { trafficClass: trafficClasses[trafficClass] }),
  });
}

function toResult({ objective, outcome }: ResultMessage): ResolveResult {
  if (outcome.case === "error") {
    const { code, message, retryable } = outcome.value;
    return { refused: { code, message, retryable, problems: [] } };
  }
  const { value } = outcome;
  if (value?.config === undefined) throw new Error("what answers is no resolver of this version");
  const { model, version, variant, rule, parameters = {} } = value.config;
  return {
    objective,
    routingKey: value.routingKey,
    headers: value.headers,
    config: { model, version, variant: variant === "" ? null : variant, rule, parameters: parameters as never },
    revision: Number(value.revision),
    ttlMs: value.ttlMs,
    fallbackKeys: value.fallbackKeys,
    reason: value.reason as Resolution["reason"],
  };
}
