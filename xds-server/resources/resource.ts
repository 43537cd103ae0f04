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

export function resource<Desc extends DescMessage>(schema: Desc, name: string, message: MessageShape<Desc>): Resource {
  return {
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    name,
    message,
    encode: () => ({ bytes: toBinary(schema, message) }),
  };
}
