import { z } from "zod";

const problem = z.object({ document: z.string(), path: z.string(), message: z.string() });

const rejection = z.object({
  key: z.string(),
  revision: z.int(),
  problems: z.array(problem).readonly(),
  at: z.string(),
  /** The key of the pin that it waits for, when nothing else is in its way. */
  heldBy: z.string().optional(),
});

const nack = z.object({
  typeUrl: z.string(),
  resourceNames: z.array(z.string()).readonly(),
  message: z.string(),
  at: z.string(),
});

const envoyStatus = z.object({
  nodeId: z.string(),
  cluster: z.string(),
  /** Which part of the documents it is served; `envoys` is all of them. */
  group: z.string().optional(),
  /** The group that pins and staged rollouts name it by; absent when it is in none. */
  rolloutGroup: z.string().optional(),
  /** Who its verified certificate says it is: SPIFFE ids and DNS names, with commas between; absent without one. */
  identity: z.string().optional(),
  /** Of the Envoy, as the xds-server sees it. */
  address: z.string(),
  connectedSince: z.string(),
  /** The highest store revision whose resources this Envoy has acknowledged; 0 before the first. */
  acknowledgedRevision: z.int(),
  /** False while the watermark does not wait for it: it has not caught up yet, or does not answer any more. */
  counts: z.boolean().optional(),
  /** Since when it is not connected; it still counts, for it may only be reconnecting. */
  goneSince: z.string().optional(),
  /** What it refuses now. */
  nacks: z.array(nack).readonly(),
});

const heldObjective = z.object({
  /** `<namespace>/<name>` */
  objective: z.string(),
  /** The store revision that brought the newest form of the objective, which is held back. */
  revision: z.int(),
  /** The objective is in use as it was at this store revision; 0 when it was never in use. */
  activeRevision: z.int(),
  reason: z.string(),
  since: z.string(),
  /** The key of the pin that holds it, when nothing else is in its way. */
  heldBy: z.string().optional(),
});

const rollout = z.object({
  /**
   * xds-servers: up to this store revision, all their Envoys hold and can serve every objective but those held back.
   * Resolvers: every objective but those held back is answered as it was at this store revision.
   */
  watermark: z.int(),
  held: z.array(heldObjective).readonly(),
});

/** What a process reports of itself every two seconds; all times are ISO 8601. Unknown fields are dropped. */
export const processStatusSchema = z.object({
  process: z.enum(["resolver", "xds-server"]),
  /** Unique among the processes that are alive. */
  id: z.string(),
  startedAt: z.string(),
  /** Of Signalbox. */
  version: z.string(),
  /** Resolvers only: the group that pins and staged rollouts name it by; absent when it is in none. */
  group: z.string().optional(),
  /** The store revision up to which it has taken everything into account. */
  revision: z.int(),
  connectedToStore: z.boolean(),
  /** Since when it may miss something; absent while it is up to date. */
  staleSince: z.string().optional(),
  rejections: z.array(rejection).readonly(),
  /** xds-servers only: the Envoys that are connected to this one. */
  envoys: z.array(envoyStatus).readonly().optional(),
  /** What is in use, and what is held back; absent from a process that has no documents yet. */
  rollout: rollout.optional(),
  /** It ends; it still counts until its Envoys are seen elsewhere. */
  leaving: z.boolean().optional(),
});

export type ProcessStatus = z.output<typeof processStatusSchema>;
export type EnvoyStatus = z.output<typeof envoyStatus>;
export type RolloutReport = z.output<typeof rollout>;
export type HeldObjective = z.output<typeof heldObjective>;
export type EnvoyNack = z.output<typeof nack>;
