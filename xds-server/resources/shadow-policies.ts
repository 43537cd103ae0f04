import { create } from "@bufbuild/protobuf";
import {
  type RouteAction_RequestMirrorPolicy,
  RouteAction_RequestMirrorPolicySchema,
} from "../../proto/gen/envoy/config/route/v3/route_components_pb.js";
import { FractionalPercent_DenominatorType } from "../../proto/gen/envoy/type/v3/percent_pb.js";
import type { ShadowCopy } from "../routing/routing-table.ts";
import { headers, shadowTrafficClass } from "./headers.ts";
import { setHeader } from "./proto.ts";
import { shadowClusterName } from "./shadow-listener.ts";

/**
 * Copies go to the shadow listener inside Envoy, as a request of the client's own path with the routing key of the shadow.
 * Millionths, because Envoy takes the same random number for the copy and for the weights of a placement: with a common
 * small denominator the copies would be those of one shard only.
 */
export function shadowPolicies(shadows: readonly ShadowCopy[]): RouteAction_RequestMirrorPolicy[] {
  return shadows.map(({ routingKey, percent, runtimeKey }) =>
    create(RouteAction_RequestMirrorPolicySchema, {
      cluster: shadowClusterName,
      disableShadowHostSuffixAppend: true,
      runtimeFraction: {
        runtimeKey,
        defaultValue: {
          numerator: Math.round(percent * 10_000),
          denominator: FractionalPercent_DenominatorType.MILLION,
        },
      },
      requestHeadersMutations: [
        setHeader(headers.routingKey, routingKey),
        setHeader(headers.trafficClass, shadowTrafficClass),
      ].map((value) => ({ action: { case: "append" as const, value } })),
    }),
  );
}
