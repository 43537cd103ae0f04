import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

/** Bytes of a body after unpacking; larger ones are refused. */
export const maxBodyBytes = 16 * 1024 * 1024;

export class BodyError extends Error {
  readonly status: 400 | 413 | 415;

  constructor(status: 400 | 413 | 415, message: string) {
    super(message);
    this.name = "BodyError";
    this.status = status;
  }
}

export type Body = {
  readonly text: string;
  /** Of the bytes as they arrived, before unpacking: who sent them can compare. */
  readonly sha256: string;
  readonly bytes: number;
};

/** Reads a request's body, unpacking gzip. Throws a {@link BodyError} when it is too large, broken, or packed otherwise. */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "gzip" && encoding !== "identity") {
    throw new BodyError(415, `content-encoding ${encoding} is not understood: send gzip or no encoding`);
  }
  const hash = createHash("sha256");
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  const unpacked = encoding === "gzip" ? request.pipe(createGunzip()) : request;
  const text = await collect(unpacked).catch((error: Error) => {
    // A gzip stream that stops reading would leave the rest of the request unread.
    request.unpipe().resume();
    if (error instanceof BodyError) throw error;
    throw new BodyError(400, `the body could not be read: ${error.message}`);
  });
  return { text, sha256: hash.digest("hex"), bytes };
}

function collect(stream: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) return reject(new BodyError(413, `the body is larger than ${maxBodyBytes} bytes`));
      chunks.push(chunk);
    });
    stream.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    stream.once("error", reject);
    stream.once("close", () => reject(new Error("the connection closed before its end")));
  });
}
