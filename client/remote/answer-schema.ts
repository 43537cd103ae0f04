import { z } from "zod";
import { reasons } from "../../selection/decision.ts";

/** What the client reads of a resolver's answers; what it does not know is left out. */
const resolution = z.object({
  objective: z.string(),
  routingKey: z.string().min(1),
  headers: z.record(z.string(), z.string()),
  config: z.object({
    model: z.string(),
    version: z.string(),
    variant: z.string().nullable(),
    rule: z.string(),
    parameters: z.record(z.string(), z.json()),
  }),
  revision: z.int(),
  ttlMs: z.int().min(0),
  fallbackKeys: z.array(z.string()),
  reason: z.enum(reasons),
});

const refusal = z.object({
  code: z.string(),
  message: z.string(),
  retryable: z.boolean().default(false),
  problems: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
});

export const errorSchema = z.object({ error: refusal });

export const resultsSchema = z.object({
  results: z.array(z.union([resolution, z.object({ error: refusal }).transform(({ error }) => ({ refused: error }))])),
});

const refused = z.object({ error: refusal }).transform(({ error }) => ({ refused: error }));

export const answersSchema = z.object({
  answers: z.array(z.union([resultsSchema.transform(({ results }) => results), refused])),
});

export const defaultsSchema = z.object({ results: z.array(resolution) });

export const snapshotSchema = z.object({
  namespace: z.string(),
  version: z.string(),
  resolutions: z.array(resolution),
});
