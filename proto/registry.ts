import { createRegistry, type Registry } from "@bufbuild/protobuf";
import {
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { files } from "./gen/files.js";

/**
 * Every message, enum, extension and service of proto/gen and the well-known types: what `toJson`, `fromJson`,
 * `anyUnpack` and the validator need to look into an `Any` (a typed_config). A type that is missing is added to
 * buf.gen.yaml, then `npm run generate`.
 */
export const registry: Registry = createRegistry(
  ...files,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
);
