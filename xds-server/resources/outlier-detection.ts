import { create } from "@bufbuild/protobuf";
import type { Shard } from "../../config/documents/shard.ts";
import {
  type OutlierDetection,
  OutlierDetectionSchema,
} from "../../proto/gen/envoy/config/cluster/v3/outlier_detection_pb.js";
import { duration } from "./proto.ts";

/** Ejects a host after some errors in a row. By its own errors only, never by comparing success rates. */
export function outlierDetection(settings: NonNullable<Shard["spec"]["outlierDetection"]>): OutlierDetection {
  return create(OutlierDetectionSchema, {
    consecutive5xx: settings.consecutiveErrors,
    interval: duration(settings.intervalMs),
    baseEjectionTime: duration(settings.baseEjectionMs),
    // Envoy refuses a longest ejection below the base one.
    maxEjectionTime: duration(Math.max(300_000, settings.baseEjectionMs)),
    maxEjectionPercent: settings.maxEjectionPercent,
    enforcingSuccessRate: 0,
  });
}
