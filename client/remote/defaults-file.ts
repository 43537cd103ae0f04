import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Resolution } from "../../selection/resolution.ts";
import { messageOf } from "../client-error.ts";
import type { EventListener } from "../events.ts";
import { snapshotSchema } from "./answer-schema.ts";

/** The defaults of one namespace, as a resolver gave them under this version. */
export type DefaultsOfNamespace = {
  readonly namespace: string;
  readonly version: string;
  readonly resolutions: readonly Resolution[];
};

/** Where they outlive the process. */
export type DefaultsFile = {
  /** None when there is no file, or it cannot be used: `emit` hears why. */
  load(emit: EventListener): Promise<readonly DefaultsOfNamespace[]>;
  save(all: readonly DefaultsOfNamespace[]): Promise<void>;
};

const fileSchema = z.array(snapshotSchema);

/** `defaults.json` in a folder. */
export function openDefaultsFile(folder: string): DefaultsFile {
  const file = join(folder, "defaults.json");
  return {
    load: async (emit) => {
      try {
        const all = fileSchema.parse(JSON.parse(await readFile(file, "utf8")));
        const objectives = all.reduce((sum, { resolutions }) => sum + resolutions.length, 0);
        emit({ type: "snapshot-loaded", file, objectives });
        return all;
      } catch (error) {
        if ((error as { code?: unknown }).code !== "ENOENT") {
          emit({ type: "snapshot-unusable", file, reason: messageOf(error) });
        }
        return [];
      }
    },
    // Written beside, then renamed: a crash leaves the old one or the new one, never half of one.
    save: async (all) => {
      await mkdir(folder, { recursive: true });
      const temporary = join(folder, `defaults.${process.pid}.tmp`);
      try {
        await writeFile(temporary, JSON.stringify(all));
        await rename(temporary, file);
      } finally {
        await rm(temporary, { force: true });
      }
    },
  };
}
