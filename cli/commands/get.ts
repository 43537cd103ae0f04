import { parseDocumentKey } from "../../config/documents/document.ts";
import { documentYaml } from "../../config/format.ts";
import type { StoredEntry } from "../../config/live-documents.ts";
import { nearest } from "../../config/nearest.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import type { Arguments, Command } from "../command.ts";
import { documentNamed, kindOf, titleOf } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { momentOf, namespaceOption, withStore } from "../store-access.ts";

/** `signalbox get`: published documents, now or at an earlier time. */
export const get: Command = {
  usage: "get <kind> [name]",
  summary: "Show published documents, as they are now or were at a time",
  positionals: {
    kind: { describe: "shard, model, objective, or all" },
    name: { describe: "One document; all of the kind when absent" },
  },
  options: {
    ...namespaceOption,
    "all-namespaces": { alias: "A", describe: "Of every tenant", type: "boolean" },
    at: { describe: "What was live then: a revision, or a time such as 2026-11-21T03:00:00Z", type: "string" },
    output: {
      alias: "o",
      describe: "How to print; one document is YAML by default",
      choices: ["table", "json", "yaml"],
    },
  },
  examples: [
    ["signalbox get objectives", "a table of all objectives of the default namespace"],
    ["signalbox get objective quickstart > quickstart.yaml", "one document, ready to be edited and applied"],
    ["signalbox get model digits --at 2026-11-21T03:00:00Z", "what was live at 3 a.m."],
  ],
  run: async (args, context) => {
    const entries = await withStore(context, (store) => (args.name ? one(store, args) : many(store, args)));
    const documents = entries.map(contentOf);
    if (args.name && args.output === undefined) context.print(documentYaml(documents[0] ?? {}).trimEnd());
    else render(args, context, args.name ? documents[0] : documents, () => table(entries));
    return exitCode.ok;
  },
};

async function one(store: DocumentStore, args: Arguments): Promise<StoredEntry[]> {
  const id = documentNamed(args);
  const entry = await store.get(id, momentOf(args.at));
  if (entry?.value) return [entry];
  const others = await store.list({ kind: id.kind, namespace: id.namespace });
  const names = others.flatMap(({ key }) => parseDocumentKey(key)?.name ?? []);
  const close = nearest(id.name, names);
  const when = args.at === undefined ? "" : ` at ${args.at}`;
  throw new CommandError(`There is no ${titleOf(id)}${when}.${close ? ` Did you mean ${close}?` : ""}`);
}

async function many(store: DocumentStore, args: Arguments): Promise<StoredEntry[]> {
  const kind = args.kind === "all" ? undefined : kindOf(args.kind);
  const namespace = args["all-namespaces"] ? undefined : String(args.namespace);
  return await store.list({ kind, namespace }, momentOf(args.at));
}

/** The document as it is stored, with the revision that an edit of it would start from. */
function contentOf(entry: StoredEntry): Record<string, unknown> {
  const text = Buffer.from(entry.value ?? []).toString("utf8");
  try {
    const document = JSON.parse(text) as { metadata?: object };
    return { ...document, metadata: { ...document.metadata, revision: entry.revision } };
  } catch {
    // Anybody may publish bytes to NATS; what cannot be read is shown as it is.
    return { key: entry.key, revision: entry.revision, unreadable: text.slice(0, 200) };
  }
}

function table(entries: readonly StoredEntry[]): string {
  const rows = entries.map((entry) => {
    const id = parseDocumentKey(entry.key);
    return [id?.kind ?? "?", id?.namespace ?? "?", id?.name ?? entry.key, String(entry.revision), entry.at];
  });
  return formatTable(["kind", "namespace", "name", "revision", "published"], rows);
}
