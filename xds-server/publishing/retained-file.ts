import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import type { RetainedKey } from "./retained-keys.ts";

const routeSchema = z.object({
  routingKey: z.string(),
  model: z.string(),
  paths: z.array(
    z.object({ match: z.enum(["exact", "prefix"]), path: z.string(), replacement: z.string().nullable() }),
  ),
  isOpenToGrpcClients: z.boolean(),
  shards: z.array(z.object({ cluster: z.string(), weight: z.number() })),
  placementRuntimeKey: z.string(),
  shadows: z.array(z.never()),
});
const keySchema = z.object({ route: routeSchema, next: z.int(), ttlMs: z.number() }) satisfies z.ZodType<RetainedKey>;
const fileSchema = z.record(z.string(), z.array(keySchema));

/** Keeps the retained keys on disk, so that they outlive this process. */
export type RetainedFile = {
  /** What was written last; empty when there is nothing that can be used. */
  load(): Promise<ReadonlyMap<string, readonly RetainedKey[]>>;
  /** Something may have changed; it is written soon. */
  changed(): void;
  close(): Promise<void>;
};

export function openRetainedFile(deps: {
  readonly file: string;
  readonly keys: () => ReadonlyMap<string, readonly RetainedKey[]>;
  readonly onProblem: (error: unknown) => void;
  readonly delayMs?: number;
}): RetainedFile {
  const { file, keys, onProblem, delayMs = 100 } = deps;
  let timer: NodeJS.Timeout | undefined;
  let written = "{}";
  let writing = Promise.resolve();
  const save = async (text: string) => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.tmp`, text);
    await rename(`${file}.tmp`, file);
  };
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    const text = JSON.stringify(Object.fromEntries(keys()));
    if (text === written) return writing;
    written = text;
    writing = writing.then(() => save(text)).catch(onProblem);
    return writing;
  };
  return {
    load: async () => {
      const text = await readFile(file, "utf8").catch(() => "{}");
      written = text;
      try {
        return new Map(Object.entries(fileSchema.parse(JSON.parse(text))));
      } catch (error) {
        onProblem(error);
        return new Map();
      }
    },
    changed: () => {
      timer ??= setTimeout(write, delayMs);
    },
    close: write,
  };
}
