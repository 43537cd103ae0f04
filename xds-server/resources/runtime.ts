import { create } from "@bufbuild/protobuf";
import { type Runtime, RuntimeSchema } from "../../proto/gen/envoy/service/runtime/v3/rtds_pb.js";

/** The runtime layer that every Envoy asks for, under the one of its administrator. */
export const runtimeLayerName = "signalbox";

/** Empty: its place is for what is to be set in every Envoy at once. */
export function runtimeLayer(): Runtime {
  return create(RuntimeSchema, { name: runtimeLayerName, layer: {} });
}
