import { join } from "node:path";
import { documentId, documentKey, type SignalboxDocument } from "../../config/documents/document.ts";
import { loadFiles, problemsOfLoaded } from "../../config/load.ts";
import { connectStore } from "../../config/store/document-store.ts";
import { projectFolder } from "../../setup/paths.js";
import { CommandError } from "../exit-codes.ts";
import type { Ports } from "./settings.ts";

const folder = join(projectFolder, "examples/quickstart");

/**
 * Publishes the quickstart's documents as one batch. Documents that are stored already stay as they are: what the user
 * made of them in an earlier run is not taken back. Answers with the number of published documents.
 */
export async function publishQuickstart(ports: Ports, signal: AbortSignal): Promise<number> {
  const loaded = await loadFiles([folder]);
  const problems = problemsOfLoaded(loaded);
  if (problems.length > 0) throw new CommandError(problems.map(({ message }) => message).join("\n"));
  const store = await connectStore({ servers: `nats://127.0.0.1:${ports.NATS_PORT}` });
  try {
    const stored = new Set((await store.list()).map(({ key }) => key));
    const missing = loaded.documents.filter(({ document }) => !stored.has(documentKey(documentId(document))));
    const changes = missing.map(({ document }) => ({ document: withPorts(document, ports), expectedRevision: 0 }));
    if (changes.length > 0) await store.apply(changes, { signal });
    return changes.length;
  } finally {
    await store.close();
  }
}

/** The same shard on the ports that the model servers really have. */
function withPorts(document: SignalboxDocument, ports: Ports): SignalboxDocument {
  if (document.kind !== "Shard" || !document.spec.endpoints) return document;
  const chosen = new Map([
    [9107, ports.EXAMPLE_A_HTTP_PORT],
    [9117, ports.EXAMPLE_A_GRPC_PORT],
    [9108, ports.EXAMPLE_B_HTTP_PORT],
    [9118, ports.EXAMPLE_B_GRPC_PORT],
  ]);
  const endpoints = document.spec.endpoints.map((endpoint) => ({
    ...endpoint,
    port: chosen.get(endpoint.port) ?? endpoint.port,
  }));
  return { ...document, spec: { ...document.spec, endpoints } };
}
