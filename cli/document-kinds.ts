import { type DocumentId, type Kind, kinds } from "../config/documents/document.ts";
import { nearest } from "../config/nearest.ts";
import type { Arguments } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** The kind that a word of the command line names: `objective`, `objectives` or `Objective`. */
export function kindOf(word: unknown): Kind {
  const wanted = String(word).toLowerCase();
  const found = kinds.find((kind) => [kind.toLowerCase(), `${kind.toLowerCase()}s`].includes(wanted));
  if (found) return found;
  const names = kinds.map((kind) => kind.toLowerCase());
  const close = nearest(wanted, names);
  throw new CommandError(
    `There is no kind "${word}"; the kinds are ${names.join(", ")}${close ? `. Did you mean ${close}?` : "."}`,
    exitCode.usage,
  );
}

/** The document that `<kind> <name>` and `--namespace` name; the name may be written `namespace/name`. */
export function documentNamed(args: Arguments): DocumentId {
  const [first = "", second] = String(args.name).split("/");
  return second === undefined
    ? { kind: kindOf(args.kind), namespace: String(args.namespace), name: first }
    : { kind: kindOf(args.kind), namespace: first, name: second };
}

/** What to call a document in a message. */
export function titleOf(id: DocumentId): string {
  return `${id.kind} ${id.namespace}/${id.name}`;
}
