import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { messageOf } from "./errors.ts";

/** Path -> content. */
export type FileContents = ReadonlyMap<string, Buffer>;

export type WatchSettings<T> = {
  /** Reads all that belongs together. */
  readonly read: () => Promise<FileContents>;
  /** Makes something of it; throws when it is not good. */
  readonly parse: (contents: FileContents) => T;
  /** Between two looks; 2,000 by default. */
  readonly intervalMs?: number;
  /** Hears of each later content that is good; must not throw. */
  readonly onChange?: (value: T) => void;
  /** Hears why a later content cannot be used, once per cause; null when it can again. Must not throw. */
  readonly onProblem?: (problem: string | null) => void;
};

export type Watched<T> = {
  /** The last good one. */
  current(): T;
  stop(): void;
};

/**
 * Reads files, and again whenever they change; throws when they are not good at the start. Later, what is not good is not
 * taken, and the last good one stays: a certificate without its new key is half of a rotation. It looks at the contents
 * every other second instead of waiting for events of the file system, which mounted folders and replaced links do not
 * all send.
 */
export async function watchFiles<T>(settings: WatchSettings<T>): Promise<Watched<T>> {
  const { read, parse, onChange, onProblem, intervalMs = 2000 } = settings;
  const first = await read();
  let value = parse(first);
  let seen = fingerprint(first);
  let problem: string | null = null;
  let isLooking = false;
  const report = (now: string | null) => {
    if (now !== problem) onProblem?.(now);
    problem = now;
  };

  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    try {
      const contents = await read();
      const print = fingerprint(contents);
      if (print !== seen) {
        value = parse(contents);
        seen = print;
        onChange?.(value);
      }
      report(null);
    } catch (error) {
      report(messageOf(error));
    } finally {
      isLooking = false;
    }
  };

  const timer = setInterval(() => void look(), intervalMs);
  timer.unref();
  return { current: () => value, stop: () => clearInterval(timer) };
}

/** Reads some files; throws with the path of one that cannot be read. */
export async function readFiles(paths: readonly string[]): Promise<FileContents> {
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const)));
}

function fingerprint(contents: FileContents): string {
  const hash = createHash("sha256");
  for (const [path, content] of contents) hash.update(`${path.length} ${path} ${content.length} `).update(content);
  return hash.digest("base64");
}
