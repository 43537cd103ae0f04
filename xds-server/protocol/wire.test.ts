import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AnySchema, anyUnpack, DurationSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { decodeDeltaRequest } from "./delta-request.ts";
import { type EncodedResponse, encodeDeltaResponse, encodeFrames, encodeSotwResponse } from "./encoding.ts";
import { decodeSotwRequest } from "./sotw-request.ts";
import { completed } from "./wire.ts";

const typeUrl = "type.googleapis.com/example.Type";
const node = {
  id: "node-ü",
  cluster: "edge",
  userAgentName: "envoy",
  metadata: { "signalbox.dev/namespaces": ["a", "b"], nested: { on: true, count: 3 } },
  locality: { region: "eu", zone: "1", subZone: "x" },
  clientFeatures: ["xds.config.resource-in-sotw"],
};

/** The message, taken out of its gRPC frame. */
function bytesOf(message: EncodedResponse): Uint8Array {
  const bytes = Buffer.concat(message.pieces());
  expect([bytes[0], bytes.readUInt32BE(1), message.byteLength]).toEqual([0, bytes.length - 5, bytes.length - 5]);
  return bytes.subarray(5);
}

describe("the wire format, against the generated code", () => {
  it("reads a delta request", () => {
    const fields = { typeUrl, responseNonce: "7", errorDetail: { code: 13, message: "bad ö" } };
    const names = { resourceNamesSubscribe: ["a", "*"], resourceNamesUnsubscribe: ["b"] };
    const initialResourceVersions = { x: "1", y: "", "": "3" };
    const message = create(DeltaDiscoveryRequestSchema, { node, ...fields, ...names, initialResourceVersions });
    const request = completed(decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, message)));
    expect(request).toMatchObject({ node, typeUrl, responseNonce: "7", error: { code: 13, message: "bad ö" } });
    expect([request.subscribe, request.unsubscribe]).toEqual([["a", "*"], ["b"]]);
    expect(request.initialVersions).toEqual(new Map(Object.entries(initialResourceVersions)));
    expect(request.claims).toMatchObject({ names: { count: 2 }, versions: { count: 3 } });
  });

  it("reads a state-of-the-world request", () => {
    const fields = { typeUrl, versionInfo: "v1", responseNonce: "7", resourceNames: ["a", ""] };
    const message = create(DiscoveryRequestSchema, { node: { id: "n" }, ...fields, errorDetail: { message: "bad" } });
    expect(completed(decodeSotwRequest(toBinary(DiscoveryRequestSchema, message)))).toEqual({
      ...{
        typeUrl,
        versionInfo: "v1",
        responseNonce: "7",
        resourceNames: ["a", ""],
        error: { code: 0, message: "bad" },
      },
      node: {
        ...{ id: "n", cluster: "", userAgentName: "", metadata: {}, clientFeatures: [] },
        locality: { region: "", zone: "", subZone: "" },
      },
    });
  });

  it("skips fields that it does not know, whatever their wire type", () => {
    const unknown = Buffer.from("c03e05" + "c93e0000000000000000" + "d23e0161" + "dd3e00000000", "hex");
    const request = toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { typeUrl }));
    expect(completed(decodeDeltaRequest(Buffer.concat([unknown, request, unknown]))).typeUrl).toBe(typeUrl);
  });

  it("throws on bytes that are no request", () => {
    for (const hex of ["0a", "0aff", "120568", "ffffffffffffffffffffff"]) {
      expect(() => completed(decodeDeltaRequest(Buffer.from(hex, "hex")))).toThrow();
      expect(() => completed(decodeSotwRequest(Buffer.from(hex, "hex")))).toThrow();
    }
  });

  it.each(["", "body", "b".repeat(100_000)])("writes both kinds of response from one copy of the bytes", (text) => {
    const body = Buffer.from(text);
    const frames = encodeFrames({ typeUrl, name: "name-ü", version: "v1", body });
    expect(frames.sotw.buffer).toBe(frames.delta.buffer);

    const delta = fromBinary(
      DeltaDiscoveryResponseSchema,
      bytesOf(encodeDeltaResponse(typeUrl, "s1", "5", [frames.delta], ["gone"])),
    );
    expect(delta).toMatchObject({ typeUrl, systemVersionInfo: "s1", nonce: "5", removedResources: ["gone"] });
    expect(delta.resources).toMatchObject([{ name: "name-ü", version: "v1", resource: { typeUrl } }]);
    expect(Buffer.from(delta.resources[0]?.resource?.value ?? "").equals(body)).toBe(true);

    const sotw = fromBinary(
      DiscoveryResponseSchema,
      bytesOf(encodeSotwResponse(typeUrl, "s1", "5", [frames.sotw, frames.sotw])),
    );
    expect(sotw).toMatchObject({ typeUrl, versionInfo: "s1", nonce: "5" });
    expect(sotw.resources).toHaveLength(2);
    expect(Buffer.from(sotw.resources[1]?.value ?? "").equals(body)).toBe(true);
  });

  it.each([1, 333, 1000, 61_500.5])("writes a time to live of %s ms, and heartbeats", (ttlMs) => {
    const body = Buffer.from("body");
    const { delta, sotw, lifetime } = encodeFrames({ typeUrl, name: "n", version: "v1", body, ttlMs });
    if (!lifetime) throw new Error("a resource with a time to live has a lifetime");
    const ttl = create(DurationSchema, {
      seconds: BigInt(Math.floor(ttlMs / 1000)),
      nanos: Math.round((ttlMs % 1000) * 1e6),
    });
    const resource = { name: "n", version: "v1", resource: create(AnySchema, { typeUrl, value: body }), ttl };
    const heartbeat = { name: "n", version: "v1", ttl };

    const deltaBytes = bytesOf(encodeDeltaResponse(typeUrl, "s", "1", [delta, lifetime.heartbeat], []));
    expect(fromBinary(DeltaDiscoveryResponseSchema, deltaBytes).resources).toMatchObject([resource, heartbeat]);

    const sotwBytes = bytesOf(encodeSotwResponse(typeUrl, "s", "1", [sotw, lifetime.wrapped]));
    const [plain, ...wrapped] = fromBinary(DiscoveryResponseSchema, sotwBytes).resources;
    expect(plain).toMatchObject({ typeUrl, value: body });
    expect(wrapped.map((any) => anyUnpack(any, ResourceSchema))).toMatchObject([resource]);
  });

  it("makes a large response of the frames themselves, and of a small one a single piece", () => {
    const [large, small] = [Buffer.alloc(100_000, 1), Buffer.alloc(100, 2)];
    const pieces = encodeDeltaResponse(typeUrl, "v1", "7", [large, small], []).pieces();
    expect(pieces.slice(1).map((piece) => [large, small].indexOf(piece as never))).toEqual([0, 1]);
    expect(encodeDeltaResponse(typeUrl, "v1", "7", [small, small], []).pieces()).toHaveLength(1);
  });

  it("decodes what a client holds a piece at a time", () => {
    const versions = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`name-${index}`, String(index)]));
    const message = create(DeltaDiscoveryRequestSchema, { node, typeUrl, initialResourceVersions: versions });
    const request = completed(decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, message)));
    expect([...(request.decodeAhead?.() ?? [])].length).toBeGreaterThan(1);
    expect(Object.fromEntries(request.initialVersions)).toEqual(versions);
  });
});
