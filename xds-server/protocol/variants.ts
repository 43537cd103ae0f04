import { DeltaSubscription } from "./delta.ts";
import { type DeltaRequest, decodeDeltaRequest } from "./delta-request.ts";
import { encodeDeltaResponse, encodeFrames, encodeNameOnly, encodeSotwResponse } from "./encoding.ts";
import type { Node } from "./node.ts";
import { prepareDelta } from "./prepare-delta.ts";
import { contentVersion, type StoredResource } from "./resource.ts";
import { createSharedFrames } from "./shared-frames.ts";
import { SotwSubscription } from "./sotw.ts";
import { decodeSotwRequest, type SotwRequest } from "./sotw-request.ts";
import { typeUrls } from "./type-urls.ts";
import type { Variant } from "./variant.ts";

/** The two variants of the protocol, over one shape of response. */
export function createVariants(now: () => number) {
  const deltaFrames = createSharedFrames({ frameOf: ({ delta }) => delta });
  const sotwFrames = createSharedFrames({ frameOf: ({ sotw }) => sotw });
  const wrappedFrames = createSharedFrames({ frameOf: ({ sotw, lifetime }) => lifetime?.wrapped ?? sotw });
  const delta: Variant<DeltaRequest> = {
    name: "delta",
    decode: decodeDeltaRequest,
    prepare: prepareDelta,
    createSubscription: (typeUrl) => new DeltaSubscription(typeUrl, now),
    encode: ({ typeUrl, version, nonce, resources, removed, heartbeats = [] }) =>
      encodeDeltaResponse(
        typeUrl,
        version,
        nonce,
        [deltaFrames(resources), ...heartbeats.flatMap(({ lifetime }) => lifetime?.heartbeat ?? [])],
        removed,
      ),
  };
  const sotw: Variant<SotwRequest> = {
    name: "sotw",
    decode: decodeSotwRequest,
    createSubscription: (typeUrl, node) =>
      new SotwSubscription({ typeUrl, now, answerMissing, takesLifetimes: takesLifetimes(node) }),
    encode: ({ typeUrl, version, nonce, resources }, node) => {
      const framesOf = takesLifetimes(node) ? wrappedFrames : sotwFrames;
      return encodeSotwResponse(typeUrl, version, nonce, [framesOf(resources)]);
    },
  };
  return { delta, sotw };
}

/** Whether a state-of-the-world client knows resources with a `Resource` around them, which alone have a time to live. */
function takesLifetimes({ userAgentName, clientFeatures = [] }: Node): boolean {
  return userAgentName === "envoy" || clientFeatures.includes("xds.config.resource-in-sotw");
}

const answeredEmpty: ReadonlySet<string> = new Set([typeUrls.endpoint, typeUrls.runtime]);

/**
 * A client waits for endpoints (to end the warming of their cluster) and for runtime layers (to start), so a missing one is
 * answered with an empty one: in both messages the name is field 1 and all there is.
 */
function answerMissing(typeUrl: string, name: string): StoredResource | undefined {
  if (!answeredEmpty.has(typeUrl)) return undefined;
  const body = encodeNameOnly(name);
  const version = contentVersion(body);
  const zero = { high: 0, low: 0 };
  const hashes = { digest: zero, nameHash: zero, heldHash: zero };
  return { name, version, endpointsName: name, ...hashes, ...encodeFrames({ typeUrl, name, version, body }) };
}
