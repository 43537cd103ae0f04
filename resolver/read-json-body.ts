import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { SignalboxError } from "../service/errors.ts";

/**
 * Reads the whole body of a request as JSON. Throws `unsupported_media_type` for a body that says to be something else
 * or to be compressed, `payload_too_large` as soon as it is clear that there are more than `maxBytes`, `invalid_request`
 * for what is not JSON in UTF-8, and `cancelled` when the caller goes away in the middle.
 */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  refuseOtherTypes(request);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const body = await readBytes(request, maxBytes);
  if (body.length === 0) {
    throw new SignalboxError("invalid_request", 'There is no body; send JSON such as {"objective": "quickstart"}.');
  }
  if (!isUtf8(body)) throw new SignalboxError("invalid_request", "The body is not UTF-8.");
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new SignalboxError("invalid_request", `The body is not JSON: ${(error as Error).message}.`);
  }
}

function refuseOtherTypes({ headers }: IncomingMessage): void {
  const type = headers["content-type"];
  if (type !== undefined && !/^application\/([-\w.]+\+)?json *(;|$)/i.test(type)) {
    const remedy = "send `content-type: application/json`";
    throw new SignalboxError("unsupported_media_type", `The body is ${JSON.stringify(type.slice(0, 100))}: ${remedy}.`);
  }
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    const found = JSON.stringify(encoding.slice(0, 100));
    throw new SignalboxError("unsupported_media_type", `The body is encoded as ${found}: send it as it is.`);
  }
}

function tooLarge(maxBytes: number): SignalboxError {
  const remedy = "send only what rules read, or raise RESOLVER_MAX_REQUEST_BYTES";
  return new SignalboxError("payload_too_large", `The body has more than ${maxBytes} bytes: ${remedy}.`);
}

/** Event by event, because an async iterator over the stream costs as much as the rest of a request. */
function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      // What still comes is thrown away, so that the caller gets to read the answer.
      else reject(tooLarge(maxBytes));
    });
    request.once("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.once("error", (cause) => reject(new SignalboxError("cancelled", "The caller went away.", { cause })));
  });
}
