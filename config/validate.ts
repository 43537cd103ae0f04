import {
  type DocumentId,
  documentId,
  documentKey,
  type Kind,
  kinds,
  type SignalboxDocument,
  schemas,
} from "./documents/document.ts";
import { explainIssue, type FieldProblem, mustBe, problemsOfIssues } from "./explain-issue.ts";
import { formatPath } from "./field-path.ts";
import { guardValue } from "./guard-value.ts";
import { limits } from "./limits.ts";
import { nearest } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import { readFormTest } from "./read-form.ts";

/** A typed document with its defaults filled in, or everything that is wrong with it. */
export type Validation =
  | { readonly ok: true; readonly document: SignalboxDocument }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Where a value came from, for the messages. */
export type Origin = {
  readonly file?: string;
  /** What to call a document that has no readable name; `document` by default. */
  readonly label?: string;
};

/**
 * Checks one document by itself: its schema, its limits (1 MiB as JSON, and those of config/limits.ts), its patterns
 * and version ranges, duplicate names, weights, rules that can never match. What it names in other documents is for
 * {@link file://./check.ts}. Tells at most 100 problems, then how many more. Never throws for bad input.
 */
export function validateDocument(value: unknown, origin: Origin = {}): Validation {
  const title = titleOf(value) ?? origin.label ?? "document";
  const refuse = (problems: readonly FieldProblem[]): Validation => ({
    ok: false,
    problems: atMost(problems, limits.problemsPerDocument).map(({ path, message }) => ({
      ...(origin.file === undefined ? {} : { file: origin.file }),
      document: title,
      path: formatPath(path),
      message,
    })),
  });
  if (!isObject(value))
    return refuse([{ path: [], message: mustBe("an object with apiVersion, kind, metadata and spec", value) }]);
  const guarded = guardValue(value);
  if (guarded.length > 0) return refuse(guarded);
  const kind = kinds.find((candidate) => candidate === value.kind);
  if (!kind) return refuse([{ path: ["kind"], message: wrongKind(value.kind) }]);
  const parsed = schemas[kind].safeParse(value, { error: explainIssue });
  if (!parsed.success) return refuse(problemsOfIssues(parsed.error.issues));
  // As long as the canonical form, whose fields come in another order.
  const bytes = Buffer.byteLength(JSON.stringify(parsed.data));
  if (bytes > limits.documentBytes) return refuse([{ path: [], message: tooLarge(bytes, "as JSON") }]);
  return { ok: true, document: parsed.data };
}

/**
 * Checks the bytes that a store holds under a key: UTF-8 JSON of at most 1 MiB, valid by itself, and called what its
 * key says. Garbage of any sort gives problems, never an exception.
 */
export function validateBytes(bytes: Uint8Array, expected: DocumentId): Validation {
  const parsed = parseBytes(bytes, expected);
  return parsed.ok ? validateStored(parsed.value, expected) : parsed;
}

/**
 * {@link validateBytes} at a fraction of its price for a document that lacks no default, as `apply` stores it: it is
 * what was parsed, its fields in the order of the bytes.
 */
export function readBytes(bytes: Uint8Array, expected: DocumentId): Validation {
  const parsed = parseBytes(bytes, expected);
  if (!parsed.ok) return parsed;
  const isSmall = bytes.byteLength * growthOfJson <= limits.documentBytes;
  if (isSmall && isInReadForm(parsed.value, expected)) return { ok: true, document: parsed.value };
  return validateStored(parsed.value, expected);
}

/** Written anew, no JSON gets longer than this many times: a number such as 1e20 by most, from 4 characters to 21. */
const growthOfJson = 6;

function isInReadForm(value: unknown, { kind, namespace, name }: DocumentId): value is SignalboxDocument {
  if (guardValue(value).length > 0 || !readFormTest(schemas[kind])(value)) return false;
  return value.metadata.namespace === namespace && value.metadata.name === name;
}

function validateStored(value: unknown, expected: DocumentId): Validation {
  const title = titleOfId(expected);
  const validation = validateDocument(value, { label: title });
  if (!validation.ok)
    return { ok: false, problems: validation.problems.map((problem) => ({ ...problem, document: title })) };
  const key = documentKey(expected);
  const ownKey = documentKey(documentId(validation.document));
  if (ownKey === key) return validation;
  return refuseStored(
    expected,
    `stored under the key ${key}, but the document is called ${ownKey}; store it under its own key`,
    "metadata",
  );
}

type Refusal = Extract<Validation, { readonly ok: false }>;

function refuseStored(expected: DocumentId, message: string, path = ""): Refusal {
  return { ok: false, problems: [{ document: titleOfId(expected), path, message }] };
}

function titleOfId({ kind, namespace, name }: DocumentId): string {
  return `${kind} ${namespace}/${name}`;
}

function parseBytes(bytes: Uint8Array, expected: DocumentId): { readonly ok: true; readonly value: unknown } | Refusal {
  if (bytes.byteLength > limits.documentBytes) return refuseStored(expected, tooLarge(bytes.byteLength, "as stored"));
  const parsed = parseJson(bytes);
  return parsed.ok ? parsed : refuseStored(expected, parsed.message);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseJson(bytes: Uint8Array): { ok: true; value: unknown } | { ok: false; message: string } {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { ok: false, message: "is not UTF-8 text; a document is stored as JSON in UTF-8" };
  }
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, message: `is not JSON (${reason}); \`signalbox apply\` stores YAML as JSON` };
  }
}

/** `Objective default/homepage-ranking`, as far as a value that may not be valid says so; null when it does not. */
export function titleOf(value: unknown): string | null {
  if (!isObject(value) || !isObject(value.metadata)) return null;
  const { kind, metadata } = value;
  const namespace = metadata.namespace ?? "default";
  if (!isShortText(kind) || !isShortText(namespace) || !isShortText(metadata.name)) return null;
  return `${kind} ${namespace}/${metadata.name}`;
}

function wrongKind(found: unknown): string {
  const near = typeof found === "string" ? nearest(found, kinds satisfies readonly Kind[]) : null;
  return `${mustBe(`one of ${kinds.join(", ")}`, found)}${near === null ? "" : `; did you mean ${near}?`}`;
}

function tooLarge(bytes: number, form: string): string {
  return `is ${bytes} bytes ${form}; at most ${limits.documentBytes} (limit documentBytes): split it, or shorten its lists and parameters`;
}

function atMost(problems: readonly FieldProblem[], count: number): readonly FieldProblem[] {
  if (problems.length <= count) return problems;
  return [...problems.slice(0, count), { path: [], message: `and ${problems.length - count} more problems` }];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isShortText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 253;
}
