import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { expect, test } from "vitest";
import { RetryPolicySchema } from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import { retryPolicy } from "./retries.ts";

test("a retry goes to another shard of the placement: field 14 of the encoded policy is true", () => {
  const policy = retryPolicy(1);
  if (!policy) throw new Error("no policy");
  const decoded = fromBinary(RetryPolicySchema, toBinary(RetryPolicySchema, policy));
  const field = decoded.$unknown?.find(({ no }) => no === 14);
  expect(new BinaryReader(field?.data ?? new Uint8Array()).bool()).toBe(true);
});

test("there is no policy when nothing is to be retried", () => {
  expect(retryPolicy(0)).toBeUndefined();
});
