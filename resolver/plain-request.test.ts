import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ResolveRequestSchema } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { fromMessage } from "./grpc-messages.ts";
import { readPlainRequest } from "./plain-request.ts";

const scalar = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
);
const context = fc.dictionary(fc.string(), fc.oneof(scalar, fc.array(scalar)), { noNullPrototype: true });

/** What the generated code makes of the bytes, without the fields that are absent. */
function slowly(bytes: Uint8Array): unknown {
  return JSON.parse(JSON.stringify(fromMessage(fromBinary(ResolveRequestSchema, bytes))));
}

describe("a plain request", () => {
  test("is read as the generated code reads it", () => {
    let read = 0;
    fc.assert(
      fc.property(
        fc.string(),
        fc.string({ minLength: 1 }),
        context,
        fc.string(),
        (namespace, objective, given, client) => {
          const message = create(ResolveRequestSchema, { namespace, objective, context: given, client });
          const bytes = Buffer.from(toBinary(ResolveRequestSchema, message));
          const plain = readPlainRequest(bytes);
          if (plain === null) return;
          read += 1;
          expect(JSON.parse(JSON.stringify(plain))).toEqual(slowly(bytes));
        },
      ),
    );
    expect(read).toBeGreaterThan(50);
  });

  test("is none when a byte of it is changed, or it is the same to the generated code", () => {
    const message = create(ResolveRequestSchema, {
      namespace: "team",
      objective: "ranking",
      context: { userId: "user-1", age: 31.5, staff: true, tags: ["a", 2, false] },
      client: "web",
    });
    const good = Buffer.from(toBinary(ResolveRequestSchema, message));
    expect(readPlainRequest(good)).toEqual(slowly(good));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.nat(good.length),
        (changes, length) => {
          const bytes = Buffer.from(good);
          for (const [at, byte] of changes) bytes[at] = byte;
          const cut = bytes.subarray(0, length > good.length / 2 ? good.length : length);
          const plain = readPlainRequest(cut);
          if (plain !== null) expect(JSON.parse(JSON.stringify(plain))).toEqual(slowly(cut));
        },
      ),
      { numRuns: 5000 },
    );
  });

  test.each([
    ["no objective", {}],
    ["several objectives", { objectives: ["a", "b"] }],
    ["an override", { objective: "a", override: { version: "7" } }],
    ["a traffic class", { objective: "a", trafficClass: 1 }],
    ["a null", { objective: "a", context: { a: null } }],
    ["a nested object", { objective: "a", context: { a: { b: 1 } } }],
    ["a nested list", { objective: "a", context: { a: [["b"]] } }],
  ])("has not %s", (_what, fields) => {
    const bytes = toBinary(ResolveRequestSchema, create(ResolveRequestSchema, fields as object));
    expect(readPlainRequest(Buffer.from(bytes))).toBeNull();
  });
});
