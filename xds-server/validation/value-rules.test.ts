import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { HealthStatusSchema } from "../../proto/gen/envoy/config/core/v3/health_check_pb.js";
import { FieldRulesSchema } from "../../proto/gen/validate/validate_pb.js";
import { UnsupportedRuleError } from "./condition.ts";
import { valueExpectations } from "./value-rules.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const base64 = (...values: number[]) => Buffer.from(values).toString("base64");
const time = (seconds: number, nanos = 0) => ({ seconds: BigInt(seconds), nanos });
const uuid = "0a1b2c3d-0000-1111-2222-aabbccddeeff";

type Row = readonly [rules: JsonObject, allowed: readonly unknown[], refused: readonly unknown[]];

// What the protos in use have is held by rule-examples.ts; this is the rest of validate.proto.
const table: readonly Row[] = [
  [{ string: { const: "a" } }, ["a"], ["b", ""]],
  [{ string: { len: 2 } }, ["ab", "🚂é"], ["a", "abc"]],
  [{ string: { maxLen: 2 } }, ["", "🚂é"], ["abc"]],
  [{ string: { lenBytes: 2 } }, ["ab", "é"], ["a", "éa"]],
  [{ string: { minBytes: 2 } }, ["ab", "é"], ["a"]],
  [{ string: { contains: "b" } }, ["abc"], ["ac"]],
  [{ string: { notContains: "b" } }, ["ac"], ["abc"]],
  [{ string: { notIn: ["a"] } }, ["b"], ["a"]],
  [{ string: { ip: true } }, ["10.0.0.7", "::1"], ["10.0.0", "localhost", ""]],
  [{ string: { ipv4: true } }, ["10.0.0.7"], ["::1"]],
  [{ string: { ipv6: true } }, ["::1"], ["10.0.0.7"]],
  [{ string: { hostname: true } }, ["a", "a-b.example.com."], ["-a", "a-", "a..b", "a_b", "x".repeat(64), ""]],
  [{ string: { address: true } }, ["example.com", "::1"], ["::x", "a b"]],
  [{ string: { uuid: true } }, [uuid, uuid.toUpperCase()], [uuid.slice(1), `${uuid}0`]],
  [{ string: { wellKnownRegex: "HTTP_HEADER_NAME" } }, [":path", "x-a,b"], ["", "a b", "a\u0000"]],
  [{ string: { wellKnownRegex: "HTTP_HEADER_VALUE" } }, ["", "a\tb é"], ["a\nb", "\u007f"]],
  [{ bytes: { const: base64(1) } }, [bytes(1)], [bytes(2), bytes()]],
  [{ bytes: { len: 2 } }, [bytes(1, 2)], [bytes(1), bytes(1, 2, 3)]],
  [{ bytes: { prefix: base64(1, 2) } }, [bytes(1, 2, 3)], [bytes(1), bytes(2, 1)]],
  [{ bytes: { suffix: base64(1, 2) } }, [bytes(0, 1, 2)], [bytes(2), bytes(1, 2, 3)]],
  [{ bytes: { contains: base64(1, 2) } }, [bytes(0, 1, 2, 3)], [bytes(1, 0, 2)]],
  [{ bytes: { in: [base64(1)] } }, [bytes(1)], [bytes(2)]],
  [{ bytes: { notIn: [base64(1)] } }, [bytes(2)], [bytes(1)]],
  [{ enum: { const: 1 } }, [1], [2]],
  [{ enum: { in: [1, 2] } }, [2], [3]],
  [{ bool: { const: false } }, [false], [true]],
  [{ int32: { in: [1, 2] } }, [2], [3]],
  [{ uint64: { notIn: ["1"] } }, [2n], [1n]],
  [{ sint64: { const: "-1" } }, [-1n], [1n]],
  [{ float: { gt: 0, lt: 1 } }, [0.5], [0, 1, Number.NaN]],
  [{ int32: { lt: 10, gt: 20 } }, [9, 21], [10, 15, 20]],
  [{ int32: { lte: 10, gte: 20 } }, [10, 20], [11, 19]],
  [{ duration: { in: ["1s"] } }, [time(1)], [time(1, 1)]],
  [{ duration: { const: "1.5s" } }, [time(1, 500_000_000)], [time(1)]],
  [{ timestamp: { gt: "1970-01-01T00:00:10Z" } }, [time(10, 1)], [time(10)]],
  [{ any: { in: ["a/b"] } }, [{ typeUrl: "a/b" }], [{ typeUrl: "a/c" }]],
  [{ any: { notIn: ["a/b"] } }, [{ typeUrl: "a/c" }], [{ typeUrl: "a/b" }]],
];

test.each(table)("%j allows what it says and refuses the rest", (rules, allowed, refused) => {
  const expectations = valueExpectations(fromJson(FieldRulesSchema, rules), HealthStatusSchema);
  const holds = (value: unknown) => expectations.every((expectation) => expectation.holds(value as never));
  expect(expectations).not.toEqual([]);
  expect(allowed.filter((value) => !holds(value))).toEqual([]);
  expect(refused.filter(holds)).toEqual([]);
});

test.each([
  [{ string: { email: true } }, "string.email"],
  [{ bytes: { pattern: "x" } }, "bytes.pattern"],
  [{ timestamp: { ltNow: true } }, "timestamp.lt_now"],
] satisfies [JsonObject, string][])("%j is refused as unsupported, never passed over", (rules, name) => {
  const read = () => valueExpectations(fromJson(FieldRulesSchema, rules), undefined);
  expect(read).toThrow(UnsupportedRuleError);
  expect(read).toThrow(name);
});
