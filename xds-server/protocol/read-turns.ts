import type { Readable } from "node:stream";

export type ReadTurnsOptions = {
  /** Bytes of all streams together after which the event loop has its turn, 2 MiB by default. */
  readonly bytesAtOnce?: number;
};

/** Bytes that are allowed for a stream of which nothing has come yet: it will, as soon as it is read. */
const expectedBytes = 16 * 1024;

/**
 * Lets many streams with large content be read a piece at a time. Of a stream that is given, whoever listens gets one piece, and
 * the next one when its turn comes, until the listener pauses the stream itself. A thousand clients that come back send half
 * a megabyte each: taken in as it comes, that held the event loop for a quarter of a second.
 */
export function createReadTurns({ bytesAtOnce = 2 * 1024 * 1024 }: ReadTurnsOptions = {}): (stream: Readable) => void {
  const waiting = new Set<Readable>();
  let isRunning = false;

  const run = () => {
    let bytes = 0;
    for (const stream of waiting) {
      waiting.delete(stream);
      if (!stream.destroyed) bytes += readPiece(stream);
      if (bytes >= bytesAtOnce) break;
    }
    isRunning = waiting.size > 0;
    if (isRunning) setImmediate(run);
  };

  return (stream) => {
    stream.on("data", () => {
      if (stream.isPaused()) return;
      stream.pause();
      waiting.add(stream);
      if (!isRunning) setImmediate(run);
      isRunning = true;
    });
  };
}

/** Gives what has come to the listeners here, and not, with what all other streams have, after this turn. */
function readPiece(stream: Readable): number {
  stream.resume();
  const piece = stream.read() as Buffer | null;
  return Math.max(piece?.length ?? 0, expectedBytes);
}
