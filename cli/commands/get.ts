import { type DocumentId, parseDocumentKey } from "../../config/documents/document.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import type { ListFilter, Moment } from "../../config/store/read.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { documentNamed, kindOf, kindPositional, namespaceOf } from "../document-kinds.ts";
import { exitCode } from "../exit-codes.ts";
import { documentLiveAt, documentsLiveAt } from "../live-at.ts";
import { printable } from "../output/printable.ts";
import { render, toYaml } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { momentOf, namespaceOption, withStore } from "../store-access.ts";
import { bytesContent, type Content } from "../stored-content.ts";
import { missingDocument } from "../stored-document.ts";

/** `signalbox get`: published documents, now or at an earlier time. */
export const get: Command = {
  usage: "get <kind> [name]",
  summary: "Show published documents, as they are now or were at a time",
  positionals: {
    kind: {
      describe: `${kindPositional.describe}, or all`,
      suggestions: [...(kindPositional.suggestions ?? []), "all"],
    },
    name: { describe: "One document; all of the kind when absent" },
  },
  options: {
    ...namespaceOption,
    "all-namespaces": { alias: "A", describe: "Of every tenant", type: "boolean" },
    at: { describe: "What was live then: a revision, or a time such as 2026-11-21T03:00:00Z" },
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
    ["signalbox get all -A -o yaml > backup.yaml", "everything, ready to be applied elsewhere"],
  ],
  run: async (args, context) => {
    const moment = momentOf(args.at);
    if (args.name === undefined) {
      const filter = filterOf(args);
      const contents = await withStore(context, (store) => many(store, filter, moment, context));
      const data = contents.map((content) => content.data);
      render(args, context, data, () => table(contents));
      return exitCode.ok;
    }
    const id = documentNamed(args);
    const content = await withStore(context, (store) => one(store, id, moment, context));
    if (args.output === undefined) context.print(toYaml(content.data));
    else render(args, context, content.data, () => table([content]));
    return exitCode.ok;
  },
};

async function one(
  store: DocumentStore,
  id: DocumentId,
  moment: Moment | undefined,
  context: CommandContext,
): Promise<Content> {
  if (moment) return await documentLiveAt(store, id, moment, context);
  const entry = await store.get(id);
  if (!entry?.value) throw await missingDocument(store, id);
  return bytesContent(entry);
}

async function many(
  store: DocumentStore,
  filter: ListFilter,
  moment: Moment | undefined,
  context: CommandContext,
): Promise<Content[]> {
  if (moment) return await documentsLiveAt(store, filter, moment, context);
  return (await store.list(filter)).map(bytesContent);
}

function filterOf(args: Arguments): ListFilter {
  return {
    kind: String(args.kind).toLowerCase() === "all" ? undefined : kindOf(args.kind, ["all"]),
    namespace: args["all-namespaces"] ? undefined : namespaceOf(args),
  };
}

function table(contents: readonly Content[]): string {
  const rows = contents.map(({ key, revision, at = "-" }) => {
    const id = parseDocumentKey(key);
    return [id?.kind ?? "?", id?.namespace ?? "?", id?.name ?? key, String(revision), at].map(printable);
  });
  return formatTable(["kind", "namespace", "name", "revision", "published"], rows);
}
