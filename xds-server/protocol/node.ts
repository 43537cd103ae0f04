import { fromBinary, toJson } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { MalformedRequestError, readFields } from "./wire.ts";

/** Who subscribes, as far as the protocol layer and the choice of a group need it (`envoy.config.core.v3.Node`). */
export type Node = {
  readonly id: string;
  readonly cluster: string;
  /** What kind of client it is: `envoy`, `gRPC C-core` ... */
  readonly userAgentName: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  /** What it says that it understands, such as `xds.config.resource-in-sotw`. */
  readonly clientFeatures?: readonly string[];
};

/** Bytes of a node: its metadata are decoded into objects. */
const maxNodeBytes = 1024 * 1024;

/** Throws a `MalformedRequestError`, or what the reader throws. */
export function decodeNode(bytes: Uint8Array): Node {
  if (bytes.length > maxNodeBytes)
    throw new MalformedRequestError(`a node of ${bytes.length} bytes; at most ${maxNodeBytes}`);
  const reader = new BinaryReader(bytes);
  const metadata: Record<string, unknown> = {};
  const clientFeatures: string[] = [];
  const node = { id: "", cluster: "", userAgentName: "", metadata, locality: noLocality, clientFeatures };
  readFields(reader, reader.len, {
    1: () => (node.id = reader.string()),
    2: () => (node.cluster = reader.string()),
    3: () =>
      (node.metadata = toJson(StructSchema, fromBinary(StructSchema, reader.bytes())) as Record<string, unknown>),
    4: () => (node.locality = decodeLocality(reader.bytes())),
    6: () => (node.userAgentName = reader.string()),
    10: () => clientFeatures.push(reader.string()),
  });
  return node;
}

const noLocality: Node["locality"] = { region: "", zone: "", subZone: "" };

function decodeLocality(bytes: Uint8Array): Node["locality"] {
  const reader = new BinaryReader(bytes);
  const locality = { region: "", zone: "", subZone: "" };
  readFields(reader, reader.len, {
    1: () => (locality.region = reader.string()),
    2: () => (locality.zone = reader.string()),
    3: () => (locality.subZone = reader.string()),
  });
  return locality;
}
