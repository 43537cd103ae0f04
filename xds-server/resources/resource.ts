import { type DescMessage, type Message, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { ResourceInput } from "../protocol/resource.ts";

/** One Envoy resource under the name by which it is asked for. */
export type Resource = {
  readonly typeUrl: string;
  readonly name: string;
  readonly message: Message;
  /** Its bytes, the same for equal content. */
  encode(): ResourceInput;
};

/** `more` is what the xDS server has to know about it besides its bytes. */
export function resource<Desc extends DescMessage>(
  schema: Desc,
  name: string,
  message: MessageShape<Desc>,
  more: Omit<ResourceInput, "bytes"> = {},
): Resource {
  return {
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    name,
    message,
    encode: () => ({ ...more, bytes: toBinary(schema, message) }),
  };
}
