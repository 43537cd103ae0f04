import type { LoadedModels } from "./loaded-models.ts";
import type { Log } from "./log.ts";

/** What both halves of the server, REST and gRPC, work with. */
export type ModelServerContext = {
  readonly models: LoadedModels;
  readonly log: Log;
  /** False while the server ends: it says so to health checks, and connections close after their request. */
  isReady(): boolean;
};
