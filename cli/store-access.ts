import type { LiveDocuments, StoredEntry } from "../config/live-documents.ts";
import { emptyLiveDocuments, settleAll } from "../config/settle.ts";
import { connectStore, type DocumentStore } from "../config/store/document-store.ts";
import type { Moment } from "../config/store/read.ts";
import { StoreError } from "../config/store/store-error.ts";
import type { CommandContext, Option } from "./command.ts";
import { CommandError, type ExitCode, exitCode } from "./exit-codes.ts";

/** The flag that says which tenant's documents are meant. */
export const namespaceOption: Readonly<Record<"namespace", Option>> = {
  namespace: { alias: "n", describe: "The tenant", type: "string", default: "default" },
};

/** Where NATS is: `NATS_URL`, or the default address. */
export function natsServers(context: CommandContext): string {
  return context.environment.NATS_URL || `nats://127.0.0.1:${context.environment.NATS_PORT || 4222}`;
}

/** Opens the store for one command, and closes it whatever happens. Failures of the store end the command with its message. */
export async function withStore<T>(context: CommandContext, use: (store: DocumentStore) => Promise<T>): Promise<T> {
  try {
    const replicas = Number(context.environment.STORE_REPLICAS || 1);
    const store = await connectStore({ servers: natsServers(context), replicas, clientName: "signalbox command line" });
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (error instanceof StoreError) throw new CommandError(error.message, codeOf(error), { cause: error });
    throw error;
  }
}

function codeOf(error: StoreError): ExitCode {
  if (error.code === "unreachable" || error.code === "outcome-unknown") return exitCode.unreachable;
  return error.code === "bad-request" ? exitCode.usage : exitCode.failed;
}

/** What consumers of these entries would have live: the documents of one moment, settled together. */
export function liveOf(entries: readonly StoredEntry[]): LiveDocuments {
  const inOrder = [...entries].sort((a, b) => a.revision - b.revision);
  return settleAll(emptyLiveDocuments, [inOrder], new Date(0));
}

/** `--at`: a revision (digits) or a time (ISO 8601 with its zone); absent means now. */
export function momentOf(at: unknown): Moment | undefined {
  if (at === undefined) return undefined;
  const text = String(at);
  return /^\d+$/.test(text) ? { revision: Number(text) } : { at: text };
}
