import { z } from "zod";

const problem = z.object({ document: z.string(), path: z.string(), message: z.string() });

const rejection = z.object({
  key: z.string(),
  revision: z.int(),
  problems: z.array(problem).readonly(),
  at: z.string(),
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
  /** Of the Envoy, as the xds-server sees it. */
  address: z.string(),
  connectedSince: z.string(),
  /** The highest store revision whose resources this Envoy has acknowledged; 0 before the first. */
  acknowledgedRevision: z.int(),
  /** What it refuses now. */
  nacks: z.array(nack).readonly(),
});

/** What a process reports of itself every two seconds; all times are ISO 8601. Unknown fields are dropped. */
export const processStatusSchema = z.object({
  process: z.enum(["resolver", "xds-server"]),
  /** Unique among the processes that are alive. */
  id: z.string(),
  startedAt: z.string(),
  /** Of Signalbox. */
  version: z.string(),
  /** The store revision up to which it has taken everything into account. */
  revision: z.int(),
  connectedToStore: z.boolean(),
  /** Since when it may miss something; absent while it is up to date. */
  staleSince: z.string().optional(),
  rejections: z.array(rejection).readonly(),
  /** xds-servers only: the Envoys that are connected to this one. */
  envoys: z.array(envoyStatus).readonly().optional(),
});

export type ProcessStatus = z.output<typeof processStatusSchema>;
export type EnvoyStatus = z.output<typeof envoyStatus>;
export type EnvoyNack = z.output<typeof nack>;
