import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { onTestFinished } from "vitest";
import { discoveryServices } from "../../xds-server/protocol/service.ts";
import type { XdsVariant } from "./xds-client.ts";

/** An aggregated xDS stream on an HTTP/2 connection of its own, which ends with the test. It takes no byte until it is read. */
export type RawXdsStream = {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  /** Asks for the resource A of a type. */
  ask(typeUrl: string): void;
};

/** Over HTTP/2 by hand, because a gRPC client reads ahead and says nothing of what happens to the connection. */
export function rawXdsStreamForTest(port: number, variant: XdsVariant, nodeId: string): RawXdsStream {
  const [ads] = discoveryServices;
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": `/${ads?.name}/${variant.isDelta ? ads?.deltaMethod : ads?.sotwMethod}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined);
  return {
    session,
    stream,
    ask: (typeUrl) => {
      const typeField = variant.isDelta ? 2 : 4;
      const node = nodeField({ 1: nodeId }, variant);
      stream.write(frameOf(Buffer.concat([node, textField(typeField, typeUrl), textField(3, "A")])));
    },
  };
}

/** A message with one text field. */
export function textField(field: number, text: string): Buffer {
  return Buffer.from(new BinaryWriter().tag(field, WireType.LengthDelimited).string(text).finish());
}

/** The node of a request, with these text fields. */
export function nodeField(fields: Readonly<Record<number, string>>, variant: XdsVariant): Buffer {
  const node = Buffer.concat(Object.entries(fields).map(([field, text]) => textField(Number(field), text)));
  const field = variant.isDelta ? 1 : 2;
  return Buffer.from(new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(node).finish());
}

/** A message as gRPC frames it: not compressed, its length, itself. */
function frameOf(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
