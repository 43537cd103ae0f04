import type { ObjectiveConfig } from "../selection/resolution.ts";
import { SignalboxClientError } from "./client-error.ts";

/** The header, and the key of gRPC metadata, that carries an ObjectiveConfig where the body has no place for it. */
export const configHeader = "x-signalbox-config";

/** What a request body may be. Streams are sent as they come; everything else can be sent twice. */
export type Payload =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  /** Sent as JSON. */
  | object;

/** A payload ready to be sent. */
export type PlacedBody = {
  readonly body: string | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>;
  /** Its type, and the config when it is not in the body. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it can be sent again. */
  readonly isReplayable: boolean;
};

/**
 * Puts the ObjectiveConfig where the request has its place for it: the parameters go into `parameters` of an Open
 * Inference request (what the request says itself wins), the whole into a header of any other. Nothing of a config
 * without parameters.
 */
export function placeConfig(payload: Payload, config: ObjectiveConfig): PlacedBody {
  if (typeof payload === "object" && isPlainObject(payload) && !isAsyncIterable(payload)) {
    if (!isOpenInference(payload)) return json(payload, configHeaders(config));
    return json({ ...payload, parameters: { ...config.parameters, ...payload.parameters } }, {});
  }
  const headers = configHeaders(config);
  if (typeof payload === "string") return { body: payload, headers, isReplayable: true };
  if (payload instanceof Uint8Array || payload instanceof ArrayBuffer || payload instanceof Blob) {
    return { body: payload, headers, isReplayable: true };
  }
  if (payload instanceof ReadableStream) return { body: payload, headers, isReplayable: false };
  if (isAsyncIterable(payload)) return { body: toStream(payload), headers, isReplayable: false };
  return json(payload, headers);
}

const headerBytes = 16 * 1024;

/** The header of a config, as base64url of its JSON; none without parameters. Throws when it is too large for a header. */
export function configHeaders(config: ObjectiveConfig): Readonly<Record<string, string>> {
  if (Object.keys(config.parameters).length === 0) return {};
  const value = Buffer.from(JSON.stringify(config)).toString("base64url");
  if (value.length <= headerBytes) return { [configHeader]: value };
  const remedy = "shorten them, or send an Open Inference request, whose body has a place for them";
  throw new SignalboxClientError(
    "invalid_request",
    `The parameters of ${config.model}@${config.version} need ${value.length} bytes, more than the ${headerBytes} of a header: ${remedy}.`,
  );
}

function json(value: object, headers: Readonly<Record<string, string>>): PlacedBody {
  return {
    body: JSON.stringify(value),
    headers: { "content-type": "application/json", ...headers },
    isReplayable: true,
  };
}

type OpenInferenceRequest = { readonly parameters?: Readonly<Record<string, unknown>> };

/** By its inputs: each has a name, a shape and a datatype (Open Inference Protocol, InferenceRequest). */
function isOpenInference(body: object): body is OpenInferenceRequest {
  const { inputs, parameters } = body as { readonly inputs?: unknown; readonly parameters?: unknown };
  if (!Array.isArray(inputs) || inputs.length === 0) return false;
  if (parameters !== undefined && (typeof parameters !== "object" || Array.isArray(parameters))) return false;
  return inputs.every((input) => isPlainObject(input) && "name" in input && "shape" in input && "datatype" in input);
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isAsyncIterable(value: object): value is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in value;
}

/** What `ReadableStream.from` does, which not every runtime has. */
function toStream(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async (reason) => {
      await iterator.return?.(reason);
    },
  });
}
