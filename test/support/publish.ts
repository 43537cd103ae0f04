import type { SignalboxDocument } from "../../config/documents/document.ts";
import { connectStore } from "../../config/store/document-store.ts";
import { validateDocument } from "../../config/validate.ts";
import { eventually } from "./processes.ts";
import type { System } from "./system.ts";

/** Validates and publishes documents as one batch; answers with its revision. */
export async function publishDocuments(natsUrl: string, documents: readonly unknown[]): Promise<number> {
  const store = await connectStore({ servers: natsUrl });
  try {
    return (await store.apply(documents.map((document) => ({ document: valid(document) })))).revision;
  } finally {
    await store.close();
  }
}

/** Publishes, and waits until the resolver and Envoy both serve `objective` (in namespace default) at that revision. */
export async function publishAndWait(
  system: System,
  objective: string,
  documents: readonly unknown[],
): Promise<number> {
  const revision = await publishDocuments(system.natsUrl, documents);
  await eventually(`the resolver answers from revision ${revision}`, async () => {
    const response = await fetch(`${system.resolverUrl}/v1/resolve`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ objective, context: { userId: "user-1" } }),
    });
    return ((await response.json()) as { revision?: number }).revision === revision;
  });
  await eventually(`Envoy serves revision ${revision}`, async () => {
    const response = await fetch(`${system.envoyUrl}/echo`, {
      method: "POST",
      headers: { "x-routing-key": `default/${objective}/-` },
      body: "{}",
    });
    await response.arrayBuffer();
    return response.headers.get("x-signalbox-revision") === String(revision);
  });
  return revision;
}

function valid(document: unknown): SignalboxDocument {
  const validation = validateDocument(document);
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems, null, 2));
  return validation.document;
}
