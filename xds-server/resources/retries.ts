import { create } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { type RetryPolicy, RetryPolicySchema } from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "../../proto/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { extensionChoice } from "./proto.ts";

/** Only what no model has begun to work on: an inference is never done twice for one request. */
const retryOn = ["connect-failure", "refused-stream", "reset-before-request", "unavailable"];

/**
 * Tries to find a host that the request has not been sent to. Least-request prefers a host that refuses connections, since
 * it is never busy: of two hosts it comes up three times out of four, so that 64 tries in a row find no other once in 10^8.
 * A try costs a random number.
 */
export const hostSelectionAttempts = 64n;

/** No host that the request was sent to already. */
export const otherHosts = extensionChoice(
  "envoy.retry_host_predicates.previous_hosts",
  PreviousHostsPredicateSchema,
  {},
);

/**
 * `refresh_cluster_on_retry: true`, which Envoy 1.40 has and the generated protos do not have yet: a retry goes to another
 * shard of the placement. An older Envoy ignores it and stays with the shard.
 */
const refreshClusterOnRetry = { no: 14, wireType: WireType.Varint, data: Uint8Array.of(1) };

/** Another host is tried where there is one, on another shard first; undefined when nothing is to be retried. */
export function retryPolicy(retries: number): RetryPolicy | undefined {
  if (retries === 0) return undefined;
  const policy = create(RetryPolicySchema, {
    retryOn: retryOn.join(","),
    numRetries: retries,
    hostSelectionRetryMaxAttempts: hostSelectionAttempts,
    retryHostPredicate: [otherHosts],
  });
  policy.$unknown = [refreshClusterOnRetry];
  return policy;
}
