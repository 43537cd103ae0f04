import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { z } from "zod";

/** Something that this process knows, on disk, so that it outlives it. */
export type JsonFile<T> = {
  /** What was written last; undefined when there is nothing, or nothing that can be used. */
  load(): Promise<T | undefined>;
  /** It may have changed; it is written soon. */
  changed(): void;
  /** Writes it once more. */
  close(): Promise<void>;
};

export type JsonFileDeps<T> = {
  readonly file: string;
  /** Of what is on disk. */
  readonly schema: z.ZodType<T>;
  readonly value: () => T;
  /** Hears why the file could not be read or written. Must not throw. */
  readonly onProblem: (error: unknown) => void;
  /** Between a change and its writing. */
  readonly delayMs: number;
};

/** `file` belongs to this process alone; its folder is made when there is something to write. */
export function openJsonFile<T>({ file, schema, value, onProblem, delayMs }: JsonFileDeps<T>): JsonFile<T> {
  let timer: NodeJS.Timeout | undefined;
  let written: string | undefined;
  let writing = Promise.resolve();
  const save = async (text: string) => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.tmp`, text);
    await rename(`${file}.tmp`, file);
  };
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    const text = JSON.stringify(value());
    if (text === written) return writing;
    written = text;
    writing = writing.then(() => save(text)).catch(onProblem);
    return writing;
  };
  return {
    load: async () => {
      const text = await readFile(file, "utf8").catch(() => undefined);
      if (text === undefined) return undefined;
      written = text;
      try {
        return schema.parse(JSON.parse(text));
      } catch (error) {
        onProblem(error);
        return undefined;
      }
    },
    changed: () => {
      timer ??= setTimeout(write, delayMs);
    },
    close: write,
  };
}
