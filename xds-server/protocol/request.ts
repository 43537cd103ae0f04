import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Node } from "./node.ts";
import { readFields } from "./wire.ts";

/** The reason of a NACK (`google.rpc.Status`). */
export type ErrorDetail = { readonly code: number; readonly message: string };

/** What the requests of both variants have. */
export type CommonRequest = {
  /** Required in the first message of a stream only. */
  readonly node: Node | undefined;
  readonly typeUrl: string;
  readonly responseNonce: string;
  /** Present in a NACK. */
  readonly error: ErrorDetail | undefined;
};

export function decodeErrorDetail(bytes: Uint8Array): ErrorDetail {
  const reader = new BinaryReader(bytes);
  const status = { code: 0, message: "" };
  readFields(reader, reader.len, {
    1: () => (status.code = reader.int32()),
    2: () => (status.message = reader.string()),
  });
  return status;
}
