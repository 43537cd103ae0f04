import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { LiveDocuments } from "../config/live-documents.ts";
import { openBucket } from "../config/store/bucket.ts";
import { connectToNats } from "../config/store/connection.ts";
import type { StoreSettings } from "../config/store/document-store.ts";
import { liveAt } from "../config/store/live-at.ts";
import { openSnapshotFolder } from "../config/store/snapshot.ts";

/** Objective (`<namespace>/<name>`) to the documents from which it is in use although newer ones are live. */
export type FormerDocuments = ReadonlyMap<string, LiveDocuments>;

/** Keeps on disk what objectives that are held back are made from, for a process that is started again without NATS. */
export type FormerFolder = {
  /** What was saved last; empty when nothing was, or when it cannot be read. */
  load(): Promise<FormerDocuments>;
  save(former: FormerDocuments): Promise<void>;
};

const indexSchema = z.record(z.string(), z.int());

/** `folder` belongs to this process alone; it is made when there is something to save. */
export function openFormerFolder(folder: string): FormerFolder {
  const indexFile = join(folder, "objectives.json");
  const folderOf = (revision: number) => join(folder, String(revision));
  return {
    load: async () => {
      const index = await readIndex(indexFile);
      const documents = new Map<number, LiveDocuments>();
      for (const revision of new Set(Object.values(index))) {
        const loaded = await openSnapshotFolder(folderOf(revision)).load(() => undefined);
        if (loaded) documents.set(revision, loaded.live);
      }
      return new Map(
        Object.entries(index).flatMap(([name, revision]) => {
          const found = documents.get(revision);
          return found ? [[name, found] as const] : [];
        }),
      );
    },
    save: async (former) => {
      await mkdir(folder, { recursive: true });
      const wanted = new Map([...former.values()].map((documents) => [documents.revision, documents]));
      const present = new Set(await readdir(folder));
      for (const [revision, live] of wanted) {
        if (!present.has(String(revision)))
          await openSnapshotFolder(folderOf(revision)).save({ live, streamCreatedAt: "" });
      }
      const index = Object.fromEntries([...former].map(([name, { revision }]) => [name, revision]));
      await writeFile(`${indexFile}.tmp`, JSON.stringify(index));
      await rename(`${indexFile}.tmp`, indexFile);
      const unused = [...present].filter((name) => /^\d+$/.test(name) && !wanted.has(Number(name)));
      for (const name of unused) await rm(join(folder, name), { recursive: true, force: true });
    },
  };
}

async function readIndex(file: string): Promise<Record<string, number>> {
  try {
    return indexSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return {};
  }
}

/** The documents as they were in force at a former revision, from the history of the store. Throws a StoreError. */
export async function documentsAt(settings: StoreSettings, revision: number): Promise<LiveDocuments> {
  const link = await connectToNats(settings);
  try {
    return await liveAt(await openBucket(link, settings), { revision });
  } finally {
    await link.close();
  }
}

/** Writes what is held back a while after it changed, one write at a time: what waits for milliseconds is never written. */
export function createFormerWriter(deps: {
  readonly folder: FormerFolder;
  readonly former: () => FormerDocuments;
  readonly onProblem: (error: unknown) => void;
  readonly delayMs?: number;
}) {
  const { folder, former, onProblem, delayMs = 1000 } = deps;
  let timer: NodeJS.Timeout | undefined;
  let written: string | undefined = "";
  let writing = Promise.resolve();
  const write = () => {
    timer = undefined;
    const now = former();
    const summary = [...now].map(([name, { revision }]) => `${name}@${revision}`).join();
    if (summary === written) return writing;
    written = summary;
    writing = writing.then(() => folder.save(now)).catch(onProblem);
    return writing;
  };
  return {
    /** Something may have changed. */
    changed: () => {
      timer ??= setTimeout(write, delayMs);
    },
    close: async () => {
      clearTimeout(timer);
      await write();
    },
  };
}
