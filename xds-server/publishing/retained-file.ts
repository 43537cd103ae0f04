import { z } from "zod";
import { type JsonFile, openJsonFile } from "../json-file.ts";
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
const fileSchema = z.record(z.string(), z.array(keySchema).readonly());

/** Keeps the retained keys on disk, so that they outlive this process. */
export function openRetainedFile(deps: {
  readonly file: string;
  readonly keys: () => ReadonlyMap<string, readonly RetainedKey[]>;
  readonly onProblem: (error: unknown) => void;
}): JsonFile<Record<string, readonly RetainedKey[]>> {
  const { file, keys, onProblem } = deps;
  return openJsonFile({
    ...{ file, schema: fileSchema, onProblem },
    value: () => Object.fromEntries(keys()),
    delayMs: 100,
  });
}
