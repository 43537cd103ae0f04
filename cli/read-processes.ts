import { StoreError } from "../config/store/store-error.ts";
import { readStatuses } from "../rollout/heartbeat.ts";
import type { ProcessStatus } from "../rollout/process-status.ts";
import type { CommandContext } from "./command.ts";
import { statusSettings } from "./environment.ts";

/** The processes that are alive, or why nobody knows: who may publish need not have the right to read the heartbeats. */
export type KnownProcesses =
  | { readonly known: true; readonly processes: readonly ProcessStatus[] }
  | { readonly known: false; readonly why: string };

export async function readProcesses(context: CommandContext): Promise<KnownProcesses> {
  try {
    return { known: true, processes: await readStatuses(statusSettings(context)) };
  } catch (error) {
    if (error instanceof StoreError) return { known: false, why: error.message };
    throw error;
  }
}
