import type { ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import { Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import type { EncodedResponse } from "./encoding.ts";

/** What of grpc-js' own is looked at; its version is pinned, and the tests of bad input fail when this is not there. */
type Inner = { readonly call?: { readonly stream?: ServerHttp2Stream } };

function http2StreamOf(call: ServerDuplexStream<Buffer, never>): ServerHttp2Stream | undefined {
  return (call as unknown as Inner).call?.stream;
}

const noMetadata = new Metadata();

/**
 * Writes a message; `done` is called when it has left. grpc-js would copy it into a buffer of its own: of the 22 MB that a
 * thousand streams each load, the copies cost more than the network, and the garbage collector as much once more. Every message
 * of a call has to go this way, for those that grpc-js writes wait in a queue of its own.
 */
export function writeMessage(
  call: ServerDuplexStream<Buffer, never>,
  message: EncodedResponse,
  done: () => void,
): void {
  const stream = http2StreamOf(call);
  if (!stream?.writable) return;
  // Only the first time does it send any.
  call.sendMetadata(noMetadata);
  const pieces = message.pieces();
  stream.cork();
  for (const [index, piece] of pieces.entries()) stream.write(piece, index === pieces.length - 1 ? done : undefined);
  stream.uncork();
}

/**
 * Lets `read` say when more of a large request is read. grpc-js listens as well: it has each piece first, and pauses the stream
 * when a request is whole.
 */
export function paceReading(call: ServerDuplexStream<Buffer, never>, read: (stream: Readable) => void): void {
  const stream = http2StreamOf(call);
  if (stream) read(stream);
}

/**
 * Ends the HTTP/2 stream with RST_STREAM, and frees what waits in it. A gRPC status would come after what the client has not
 * read, so a client that never reads would never get it.
 */
export function resetStream(call: ServerDuplexStream<Buffer, never>): void {
  const stream = http2StreamOf(call);
  // ENHANCE_YOUR_CALM of RFC 9113, 7: the peer exhibits a behaviour that might generate excessive load.
  stream?.close(0xb);
}

/** Whether a call has ended with its connection: to who reads from it, Node ends it as if the client had. */
export function isConnectionLost(call: ServerDuplexStream<Buffer, never>): boolean {
  return http2StreamOf(call)?.destroyed === true;
}

/** The gRPC status with which grpc-js ended the call by itself, such as for a message that is too large. */
export function sentStatus(call: ServerDuplexStream<Buffer, never>): { code: number; details: string } | undefined {
  const stream = http2StreamOf(call);
  for (const headers of [stream?.sentTrailers, stream?.sentHeaders]) {
    const code = headers?.["grpc-status"];
    if (code !== undefined) return { code: Number(code), details: decodeURI(String(headers?.["grpc-message"] ?? "")) };
  }
  return undefined;
}
