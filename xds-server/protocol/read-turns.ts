import type { Readable } from "node:stream";

export type ReadTurnsOptions = {
  /** Bytes of all streams together after which the event loop has its turn, 2 MiB by default. */
  readonly bytesAtOnce?: number;
};

/** Bytes that are allowed for a stream of which nothing has come yet: it will, as soon as it is read. */
const expectedBytes = 16 * 1024;

/**
 * Lets many streams with large content be read a piece at a time. Of a stream that is given, whoever listens gets one piece, and
 * the next one when its turn comes, until the listener pauses the stream itself, because a request is whole. A thousand clients
 * that come back send half a megabyte each: taken in as it comes, that held the event loop for a quarter of a second.
 *
 * After its first pieces a request is read before those that began later: so few are half read, and take memory, at a time.
 */
export function createReadTurns({ bytesAtOnce = 2 * 1024 * 1024 }: ReadTurnsOptions = {}): (stream: Readable) => void {
  const beginning = new Set<Readable>();
  /** Streams with a request that has begun, the first of them first, to whether it is their turn again. */
  const begun = new Map<Readable, boolean>();
  let isRunning = false;

  const run = () => {
    let bytes = 0;
    for (const stream of beginning) {
      if (bytes >= bytesAtOnce) break;
      beginning.delete(stream);
      begun.set(stream, false);
      bytes += readPiece(stream);
    }
    for (const [stream, isDue] of begun) {
      if (bytes >= bytesAtOnce) break;
      if (!isDue) continue;
      begun.set(stream, false);
      bytes += readPiece(stream);
    }
    isRunning = beginning.size > 0 || [...begun.values()].includes(true);
    if (isRunning) setImmediate(run);
  };

  return (stream) => {
    const forget = () => {
      beginning.delete(stream);
      begun.delete(stream);
    };
    stream.on("data", () => {
      if (stream.isPaused()) {
        forget();
        return;
      }
      stream.pause();
      if (begun.has(stream)) begun.set(stream, true);
      else beginning.add(stream);
      if (!isRunning) setImmediate(run);
      isRunning = true;
    });
    stream.on("close", forget);
  };
}

/** Gives what has come to the listeners here, and not, with what all other streams have, after this turn. */
function readPiece(stream: Readable): number {
  stream.resume();
  const piece = stream.read() as Buffer | null;
  return Math.max(piece?.length ?? 0, expectedBytes);
}
