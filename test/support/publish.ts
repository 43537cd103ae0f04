import type { DocumentId, SignalboxDocument } from "../../config/documents/document.ts";
import { connectStore } from "../../config/store/document-store.ts";
import { validateDocument } from "../../config/validate.ts";
import { eventually } from "./processes.ts";
import { resolveAt } from "./resolver-client.ts";
import type { System } from "./system.ts";

export type Changes = { readonly documents?: readonly unknown[]; readonly deleted?: readonly DocumentId[] };

/** Validates and publishes documents, and deletes others, as one batch; answers with its revision. */
export async function publishChanges(natsUrl: string, { documents = [], deleted = [] }: Changes): Promise<number> {
  const store = await connectStore({ servers: natsUrl });
  try {
    const changes = [
      ...documents.map((document) => ({ document: valid(document) })),
      ...deleted.map((id) => ({ delete: id })),
    ];
    return (await store.apply(changes)).revision;
  } finally {
    await store.close();
  }
}

export function publishDocuments(natsUrl: string, documents: readonly unknown[]): Promise<number> {
  return publishChanges(natsUrl, { documents });
}

/**
 * Publishes, and waits until the resolver and Envoy both serve `objective` (in namespace default) at that revision. The last
 * of the documents must be the objective, or something that it depends on.
 */
export async function publishAndWait(
  system: System,
  objective: string,
  documents: readonly unknown[],
): Promise<number> {
  const revision = await publishDocuments(system.natsUrl, documents);
  await eventually(`the resolver answers from revision ${revision}`, async () => {
    const answer = await resolveAt(system.resolverUrl, objective, { context: { userId: "user-1" } });
    return (answer.revision ?? 0) >= revision;
  });
  await eventually(`Envoy serves revision ${revision}`, async () => {
    const response = await fetch(`${system.envoyUrl}/echo`, {
      method: "POST",
      headers: { "x-routing-key": `default/${objective}/-` },
      body: "{}",
    });
    await response.arrayBuffer();
    return Number(response.headers.get("x-signalbox-revision") ?? 0) >= revision;
  });
  return revision;
}

function valid(document: unknown): SignalboxDocument {
  const validation = validateDocument(document);
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems, null, 2));
  return validation.document;
}
