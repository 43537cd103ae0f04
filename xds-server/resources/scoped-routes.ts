import { create } from "@bufbuild/protobuf";
import {
  type ScopedRouteConfiguration,
  ScopedRouteConfigurationSchema,
} from "../../proto/gen/envoy/config/route/v3/scoped_route_pb.js";
import type { ObjectiveRoutes } from "../routing/routing-table.ts";

/** The scope of an objective: requests whose routing key begins with its name use the routes of the same name. */
export function scopedRoute({ name, namespace, objective, isLazy }: ObjectiveRoutes): ScopedRouteConfiguration {
  return create(ScopedRouteConfigurationSchema, {
    name,
    routeConfigurationName: name,
    onDemand: isLazy,
    key: {
      fragments: [namespace, objective].map((value) => ({ type: { case: "stringKey" as const, value } })),
    },
  });
}
