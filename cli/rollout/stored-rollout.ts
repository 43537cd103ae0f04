import { type DocumentId, parseDocumentKey } from "../../config/documents/document.ts";
import type { StoredEntry } from "../../config/live-documents.ts";
import { nearest } from "../../config/nearest.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import { isStaged, type StagedPin } from "../../planning/staged-rollout.ts";
import { CommandError } from "../exit-codes.ts";
import { storedDocument } from "../stored-document.ts";

/** A staged rollout that is under way. */
export type StoredRollout = {
  readonly id: DocumentId;
  readonly pin: StagedPin;
  /** The store revision of its pin now. */
  readonly revision: number;
  /** When it came to its stage, ISO 8601. */
  readonly at: string;
};

/** All staged rollouts, of one namespace or of every one. */
export async function listRollouts(store: DocumentStore, namespace?: string): Promise<StoredRollout[]> {
  const entries = await store.list({ kind: "Pin", ...(namespace === undefined ? {} : { namespace }) });
  return entries.flatMap((entry) => rolloutOf(entry) ?? []);
}

export async function findRollout(store: DocumentStore, id: DocumentId): Promise<StoredRollout | null> {
  return rolloutOf(await store.get(id));
}

/** The rollout; ends the command when there is none of that name. */
export async function requireRollout(store: DocumentStore, id: DocumentId): Promise<StoredRollout> {
  const found = await findRollout(store, id);
  if (found) return found;
  const others = (await listRollouts(store, id.namespace)).map(({ id: { name } }) => name);
  const close = nearest(id.name, others);
  const hint = others.length === 0 ? "none is under way" : `under way: ${others.join(", ")}`;
  throw new CommandError(
    `There is no rollout ${id.namespace}/${id.name}; ${hint}.${close === null ? "" : ` Did you mean ${close}?`}`,
  );
}

function rolloutOf(entry: StoredEntry | null): StoredRollout | null {
  const document = storedDocument(entry);
  const id = entry && parseDocumentKey(entry.key);
  if (!entry || !id || document?.kind !== "Pin" || !isStaged(document)) return null;
  return { id, pin: document, revision: entry.revision, at: entry.at };
}

/** The store revision with which the rollout was published, together with the documents of its change. */
export async function firstRevision(store: DocumentStore, { id, revision }: StoredRollout): Promise<number> {
  const entries = await store.history(id);
  const lastDeleted = entries.findLastIndex(({ value }) => value === null);
  return entries[lastDeleted + 1]?.revision ?? revision;
}
