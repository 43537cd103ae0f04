import { name as documentName } from "../config/documents/common.ts";
import { type DocumentId, type Kind, kinds } from "../config/documents/document.ts";
import { nearest } from "../config/nearest.ts";
import type { Arguments, Positional } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

const kindWords = kinds.map((kind) => kind.toLowerCase());

/** The positional argument that {@link kindOf} reads. */
export const kindPositional: Positional = { describe: `one of ${kindWords.join(", ")}`, suggestions: kindWords };

/** The kind that a word of the command line names: `objective`, `objectives` or `Objective`. */
export function kindOf(word: unknown, others: readonly string[] = []): Kind {
  const wanted = String(word).toLowerCase();
  const found = kinds.find((kind) => [kind.toLowerCase(), `${kind.toLowerCase()}s`].includes(wanted));
  if (found) return found;
  const names = [...kindWords, ...others];
  const close = nearest(wanted, names);
  throw new CommandError(
    `There is no kind "${word}"; it may be ${names.join(", ")}.${close ? ` Did you mean ${close}?` : ""}`,
    exitCode.usage,
  );
}

/** The document that `<kind> <name>` and `--namespace` name; the name may be written `namespace/name`. */
export function documentNamed(args: Arguments): DocumentId {
  return { kind: kindOf(args.kind), ...qualifiedNameOf(args.name, args) };
}

/** The objective that `<objective>` and `--namespace` name. */
export function objectiveNamed(args: Arguments): DocumentId {
  return { kind: "Objective", ...qualifiedNameOf(args.objective, args) };
}

/** `--namespace`, which must be a name: in the store's keys, `*` would mean all of them. */
export function namespaceOf(args: Arguments): string {
  return requireName("namespace", String(args.namespace));
}

/** What to call a document in a message. */
export function titleOf(id: DocumentId): string {
  return `${id.kind} ${id.namespace}/${id.name}`;
}

function qualifiedNameOf(word: unknown, args: Arguments): { readonly namespace: string; readonly name: string } {
  const text = String(word);
  const slash = text.indexOf("/");
  if (slash < 0) return { namespace: namespaceOf(args), name: requireName("name", text) };
  return {
    namespace: requireName("namespace", text.slice(0, slash)),
    name: requireName("name", text.slice(slash + 1)),
  };
}

/** A name of a document or namespace; refuses what is none. */
export function requireName(what: string, text: string): string {
  if (documentName.safeParse(text).success) return text;
  throw new CommandError(
    `"${text}" is no ${what}: a ${what} has lower-case letters, digits and hyphens, at most 63, first and last no hyphen.`,
    exitCode.usage,
  );
}
