import type { SignalboxDocument } from "../config/documents/document.ts";
import { connectStore } from "../config/store/document-store.ts";
import { validateDocument } from "../config/validate.ts";

/** What NATS stores as one atomic batch. */
const batchSize = 1000;

/** Validates and publishes documents, in their order, in batches of 1,000. Answers with the newest revision. */
export function publish(natsUrl: string, documents: readonly unknown[]): Promise<number> {
  return publishValid(natsUrl, validated(documents));
}

/** The documents with their defaults; throws for one that is not valid. */
export function validated(documents: readonly unknown[]): readonly SignalboxDocument[] {
  return documents.map((document) => {
    const validation = validateDocument(document);
    if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
    return validation.document;
  });
}

/** {@link publish} of what has been validated already. */
export async function publishValid(natsUrl: string, valid: readonly SignalboxDocument[]): Promise<number> {
  const store = await connectStore({ servers: natsUrl });
  let revision = 0;
  try {
    for (let start = 0; start < valid.length; start += batchSize) {
      const changes = valid.slice(start, start + batchSize).map((document) => ({ document }));
      ({ revision } = await store.apply(changes));
    }
  } finally {
    await store.close();
  }
  return revision;
}
