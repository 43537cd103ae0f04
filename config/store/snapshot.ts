import { type FileHandle, mkdir, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { decodeSnapshot, encodeSnapshot, type SnapshotState } from "./snapshot-format.ts";
import { messageOf } from "./store-error.ts";

/** A snapshot that was found on disk. */
export type LoadedSnapshot = SnapshotState & {
  readonly file: string;
  /** When it was last known to be all that the store had, ISO 8601. */
  readonly currentAt: string;
};

/**
 * The last-good snapshots of one consumer, in a folder that no other process uses: the newest, and the one before it
 * for the day when the newest is torn.
 */
export type SnapshotFolder = {
  /** The newest usable one; null when there is none. `onUnusable` hears of each file that was passed over, and why. */
  load(onUnusable: (file: string, reason: string) => void): Promise<LoadedSnapshot | null>;
  /** Written beside, flushed to the disk, then renamed: a crash leaves the old one or the new one, never half of one. */
  save(state: SnapshotState): Promise<void>;
  /** Notes that the newest one is still all that the store has. */
  confirm(): Promise<void>;
};

export function openSnapshotFolder(folder: string): SnapshotFolder {
  const newest = join(folder, "snapshot.json");
  const previous = join(folder, "snapshot.previous.json");
  // A newest file that is known to be bad must not push out the good one before it.
  let isNewestUsable = false;
  const read = async (file: string): Promise<LoadedSnapshot> => {
    const state = decodeSnapshot(await readFile(file));
    return { ...state, file, currentAt: (await stat(file)).mtime.toISOString() };
  };
  return {
    async load(onUnusable) {
      for (const file of [newest, previous]) {
        try {
          const loaded = await read(file);
          isNewestUsable = file === newest;
          return loaded;
        } catch (error) {
          if (!isMissing(error)) onUnusable(file, messageOf(error));
        }
      }
      return null;
    },
    async save(state) {
      const temporary = join(folder, `snapshot.${process.pid}.tmp`);
      await mkdir(folder, { recursive: true });
      try {
        await writeDurably(temporary, await encodeSnapshot(state));
        if (isNewestUsable) await rename(newest, previous);
        await rename(temporary, newest);
      } finally {
        await rm(temporary, { force: true });
      }
      isNewestUsable = true;
      await flushFolder(folder);
    },
    async confirm() {
      const now = new Date();
      if (isNewestUsable) await utimes(newest, now, now);
    },
  };
}

async function writeDurably(file: string, pieces: readonly Buffer[]): Promise<void> {
  const handle = await open(file, "w");
  await using(handle, async () => {
    await handle.writeFile(pieces);
    await handle.sync();
  });
}

/** Makes the renames themselves durable; Windows cannot, and needs not. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  await using(handle, () => handle.sync());
}

async function using(handle: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
