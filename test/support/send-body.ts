import { createHash } from "node:crypto";
import { request as http1Request } from "node:http";
import { connect } from "node:http2";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

const chunkBytes = 64 * 1024;
const pattern = Buffer.from(Array.from({ length: chunkBytes }, (_, index) => (index * 31 + (index >> 8)) & 0xff));

/** A body that is made while it is sent. Every 64 KiB differ, so that a part that is lost or comes twice is noticed. */
export type Body = {
  readonly bytes: number;
  readonly sha256: string;
  chunks(): Iterable<Buffer>;
};

export function bodyOf(bytes: number): Body {
  const chunks = function* () {
    for (let sent = 0; sent < bytes; sent += chunkBytes) {
      const chunk = Buffer.from(pattern.subarray(0, Math.min(chunkBytes, bytes - sent)));
      if (chunk.length >= 4) chunk.writeUInt32LE(sent / chunkBytes);
      yield chunk;
    }
  };
  const hash = createHash("sha256");
  for (const chunk of chunks()) hash.update(chunk);
  return { bytes, sha256: hash.digest("hex"), chunks };
}

/** The same, compressed. */
export function gzippedBodyOf(bytes: number): Body {
  const compressed = gzipSync(Buffer.concat([...bodyOf(bytes).chunks()]));
  const sha256 = createHash("sha256").update(compressed).digest("hex");
  return { bytes: compressed.length, sha256, chunks: () => [compressed] };
}

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly sha256: string;
  /** The first 64 KiB of it. */
  readonly text: string;
};

export type SendOptions = {
  readonly url: string;
  /** HTTP/2 is spoken at once, without an upgrade. */
  readonly protocol: "http1" | "http2";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
  /** Whether the length is told beforehand; without it, HTTP/1.1 sends chunks. */
  readonly isLengthTold?: boolean;
  /** Hears of each chunk that was handed to the connection. */
  readonly onSent?: (bytes: number) => void;
  /** How long the answer is left unread once it has begun; 0 by default. */
  readonly readAfterMs?: number;
};

/** POSTs the body and hashes the answer, neither of which is ever held as a whole. */
export function send(options: SendOptions): Promise<Answer> {
  return options.protocol === "http1" ? sendHttp1(options) : sendHttp2(options);
}

async function sendHttp1({ url, body, onSent, readAfterMs, ...options }: SendOptions): Promise<Answer> {
  const request = http1Request(url, { method: "POST", agent: false, headers: headersOf({ body, ...options }) });
  const answered = new Promise<Answer>((resolve, reject) => {
    request.once("error", reject);
    request.once("response", (response) => {
      read(response, readAfterMs).then(
        (read) => resolve({ ...read, status: response.statusCode ?? 0, headers: plain(response.headers) }),
        reject,
      );
    });
  });
  const [answer] = await Promise.all([answered, pipeline(source(body, onSent), request)]);
  return answer;
}

async function sendHttp2({ url, body, onSent, readAfterMs, ...options }: SendOptions): Promise<Answer> {
  const { origin, pathname, search } = new URL(url);
  const session = connect(origin);
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": pathname + search,
      ...headersOf({ body, ...options }),
    });
    const answered = new Promise<Answer>((resolve, reject) => {
      session.once("error", reject);
      stream.once("error", reject);
      stream.once("response", ({ ":status": status = 0, ...headers }) => {
        read(stream, readAfterMs).then((read) => resolve({ ...read, status, headers: plain(headers) }), reject);
      });
    });
    const [answer] = await Promise.all([answered, sendAll(source(body, onSent), stream)]);
    return answer;
  } finally {
    session.close();
  }
}

function headersOf({ headers, body, isLengthTold = true }: Omit<SendOptions, "url">): Record<string, string> {
  return isLengthTold ? { ...headers, "content-length": String(body.bytes) } : { ...headers };
}

function source(body: Body, onSent?: (bytes: number) => void): Readable {
  let sent = 0;
  const counted = function* () {
    for (const chunk of body.chunks()) {
      yield chunk;
      sent += chunk.length;
      onSent?.(sent);
    }
  };
  return Readable.from(counted(), { objectMode: false, highWaterMark: chunkBytes });
}

/** `pipeline` would wait for the end of both sides of the stream. */
function sendAll(from: Readable, to: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    from.once("error", reject);
    to.once("finish", () => resolve()).once("error", reject);
    from.pipe(to);
  });
}

async function read(stream: AsyncIterable<Buffer>, afterMs = 0): Promise<Pick<Answer, "bytes" | "sha256" | "text">> {
  if (afterMs > 0) await sleep(afterMs);
  const hash = createHash("sha256");
  const beginning: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    if (bytes < chunkBytes) beginning.push(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest("hex"), text: Buffer.concat(beginning).toString("utf8") };
}

function plain(headers: Readonly<Record<string, string | string[] | number | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
