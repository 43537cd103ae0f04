import { BinaryReader } from "@bufbuild/protobuf/wire";
import { decodeNode, type Node } from "./node.ts";
import { type CommonRequest, decodeErrorDetail, type ErrorDetail } from "./request.ts";
import { fieldsAtAStep, inSteps, nameCollector } from "./wire.ts";

/** `envoy.service.discovery.v3.DiscoveryRequest`. */
export type SotwRequest = CommonRequest & {
  readonly versionInfo: string;
  readonly resourceNames: readonly string[];
};

/**
 * Decodes a `DiscoveryRequest`, a piece at each step. Throws a `MalformedRequestError`, or a `TooManyNamesError` beyond
 * `maxNames`.
 */
export function* decodeSotwRequest(
  bytes: Uint8Array,
  maxNames = Number.POSITIVE_INFINITY,
): Generator<undefined, SotwRequest> {
  const collector = nameCollector(maxNames);
  const reader = new BinaryReader(bytes);
  const request = {
    node: undefined as Node | undefined,
    typeUrl: "",
    responseNonce: "",
    error: undefined as ErrorDetail | undefined,
    versionInfo: "",
    resourceNames: collector.names,
  };
  yield* inSteps(
    "DiscoveryRequest",
    reader,
    {
      1: () => (request.versionInfo = reader.string()),
      2: () => (request.node = decodeNode(reader.bytes())),
      3: () => collector.add(reader.string()),
      4: () => (request.typeUrl = reader.string()),
      5: () => (request.responseNonce = reader.string()),
      6: () => (request.error = decodeErrorDetail(reader.bytes())),
    },
    fieldsAtAStep.hashed,
  );
  return request;
}
