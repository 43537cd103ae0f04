import { parseDocumentKey } from "../config/documents/document.ts";
import type { LiveDocuments, StoredEntry } from "../config/live-documents.ts";
import { emptyLiveDocuments, settleAll } from "../config/settle.ts";
import { connectStore, type DocumentStore } from "../config/store/document-store.ts";
import type { Moment } from "../config/store/read.ts";
import { type Conflict, StoreError } from "../config/store/store-error.ts";
import type { CommandContext, Option } from "./command.ts";
import { titleOf } from "./document-kinds.ts";
import { storeSettings } from "./environment.ts";
import { CommandError, type ExitCode, exitCode } from "./exit-codes.ts";
import { isTime } from "./parse-time.ts";

/** The flag that says which tenant's documents are meant. */
export const namespaceOption: Readonly<Record<"namespace", Option>> = {
  namespace: { alias: "n", describe: "The tenant", default: "default" },
};

/** Opens the store for one command, and closes it whatever happens. Failures of the store end the command with its message. */
export async function withStore<T>(context: CommandContext, use: (store: DocumentStore) => Promise<T>): Promise<T> {
  try {
    const store = await connectStore(storeSettings(context));
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (error instanceof StoreError) throw new CommandError(messageOf(error), codeOf(error), { cause: error });
    throw error;
  }
}

function codeOf(error: StoreError): ExitCode {
  if (error.code === "unreachable" || error.code === "outcome-unknown") return exitCode.unreachable;
  return error.code === "bad-request" ? exitCode.usage : exitCode.failed;
}

function messageOf({ message, conflicts }: StoreError): string {
  if (conflicts.length > 0) return [...conflicts.map(conflictLine), "Nothing was published."].join("\n");
  return message.charAt(0).toUpperCase() + message.slice(1);
}

function conflictLine({ key, expectedRevision, actualRevision }: Conflict): string {
  const id = parseDocumentKey(key);
  const title = id ? titleOf(id) : key;
  const found = actualRevision === 0 ? "there is none now" : `revision ${actualRevision} was published since`;
  const again = id ? `signalbox get ${id.kind.toLowerCase()} ${id.name} -n ${id.namespace}` : "signalbox get";
  return `${title} was edited from revision ${expectedRevision}, but ${found}: get it again (\`${again}\`), merge your change into that, and apply it.`;
}

/** What consumers have in force, as far as the store tells: what a change has to fit. */
export async function liveDocuments(store: DocumentStore): Promise<LiveDocuments> {
  const newest = settleEach(await store.list());
  // Where somebody published what consumers refuse, an earlier revision is in force.
  return newest.rejections.size === 0 ? newest : await store.liveAt();
}

/** The newest revisions, each by itself, so that one that is refused keeps nothing else out. */
function settleEach(entries: readonly StoredEntry[]): LiveDocuments {
  const batches = entries.toSorted((a, b) => a.revision - b.revision).map((entry) => [entry]);
  return settleAll(emptyLiveDocuments, batches, new Date(0));
}

/** `--at`: a revision (digits) or a time (ISO 8601 with its zone); absent means now. */
export function momentOf(at: unknown, flag = "at"): Moment | undefined {
  if (at === undefined) return undefined;
  const text = String(at);
  if (/^\d+$/.test(text)) return { revision: Number(text) };
  if (isTime(text)) return { at: text };
  throw new CommandError(
    `--${flag} ${text}: give a revision such as 42, or a time with its zone such as 2026-11-21T03:00:00Z.`,
    exitCode.usage,
  );
}
