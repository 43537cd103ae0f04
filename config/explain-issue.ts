import type { z } from "zod";
import { describeValue } from "./describe-value.ts";
import type { FieldPath } from "./field-path.ts";
import { listed, nearest } from "./nearest.ts";

/** Something wrong at a place of one document. */
export type FieldProblem = { readonly path: FieldPath; readonly message: string };

const typeNames: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  null: "null",
  array: "a list",
  object: "an object",
  record: "an object",
};

const formatNames: Readonly<Record<string, string>> = {
  ipv4: "an IPv4 address",
  ipv6: "an IPv6 address",
  hostname: "a host name",
};

/** Says an issue of zod in a sentence. Schemas that have a better one give it themselves, and it wins. */
export const explainIssue: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(issue.expected, issue.input);
    case "invalid_value":
      return wrongValue(issue.values, issue.input);
    case "too_small":
      return outOfRange(issue.origin, "at least", issue.minimum, issue.input);
    case "too_big":
      return outOfRange(issue.origin, "at most", issue.maximum, issue.input);
    case "invalid_format":
      return wrongFormat(issue);
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownField(key, knownFields(issue.inst))).join("\n");
    case "invalid_union":
      return issue.discriminator === undefined ? wrongUnion(issue.errors, issue.input) : undefined;
    default:
      return undefined;
  }
};

/** `must be …, found …`, or that the field is missing. */
export function mustBe(what: string, input: unknown): string {
  return input === undefined ? `is missing; it must be ${what}` : `must be ${what}, found ${describeValue(input)}`;
}

function wrongType(expected: string, input: unknown): string {
  if (typeof input === "number" && !Number.isFinite(input)) return `must be a finite number, found ${input}`;
  const sentence = mustBe(typeNames[expected] ?? `a ${expected}`, input);
  const quotable = expected === "string" && (typeof input === "number" || typeof input === "boolean");
  return quotable ? `${sentence}; put it in quotes: "${input}"` : sentence;
}

function wrongValue(values: readonly unknown[], input: unknown): string {
  const words = values.map(String);
  const near = typeof input === "string" ? nearest(input, words) : null;
  const sentence = mustBe(
    words.length === 1 ? `"${words[0]}"` : `one of ${words.map((word) => `"${word}"`).join(", ")}`,
    input,
  );
  return near === null || words.length === 1 ? sentence : `${sentence}; did you mean "${near}"?`;
}

function outOfRange(origin: string, direction: string, bound: number | bigint, input: unknown): string {
  if (origin === "string")
    return `must have ${direction} ${counted(bound, "character")}, found ${String(input).length}`;
  if (origin === "array")
    return `must have ${direction} ${counted(bound, "entry")}, found ${Array.isArray(input) ? input.length : 0}`;
  return `must be ${direction} ${bound}, found ${input}`;
}

function counted(count: number | bigint, noun: "character" | "entry"): string {
  if (Number(count) === 1) return `1 ${noun}`;
  return `${count} ${noun === "entry" ? "entries" : "characters"}`;
}

function wrongFormat(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidStringFormat>): string {
  if (issue.format === "starts_with") return mustBe(`a string that starts with "${issue.prefix}"`, issue.input);
  return mustBe(formatNames[issue.format] ?? `a string of the form ${issue.pattern ?? issue.format}`, issue.input);
}

function unknownField(key: string, fields: readonly string[]): string {
  const near = nearest(key, fields);
  const hint = near === null ? ";" : `; did you mean "${near}"?`;
  return `is not a known field${hint} known here: ${listed(fields)}`;
}

function knownFields(schema: unknown): string[] {
  const definition = (schema as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def;
  return Object.keys(definition?.shape ?? {});
}

function wrongUnion(branches: readonly (readonly z.core.$ZodIssue[])[], input: unknown): string {
  const expected = new Set(branches.flatMap(expectedTypes).map((type) => typeNames[type] ?? type));
  const all = [...expected];
  const last = all.pop();
  return mustBe(all.length === 0 ? String(last) : `${all.join(", ")} or ${last}`, input);
}

function expectedTypes(branch: readonly z.core.$ZodIssue[]): string[] {
  return branch.flatMap((issue) => {
    if (issue.code === "invalid_type") return [issue.expected];
    if (issue.code === "invalid_union") return issue.errors.flatMap(expectedTypes);
    return [];
  });
}

/**
 * The problems behind zod's issues: one for each unknown field, and for a value that may be of several shapes those of
 * the shape that it evidently is.
 */
export function problemsOfIssues(issues: readonly z.core.$ZodIssue[], prefix: FieldPath = []): FieldProblem[] {
  return issues.flatMap((issue) => {
    const path: FieldPath = [...prefix, ...issue.path.map((step) => (typeof step === "number" ? step : String(step)))];
    if (issue.code === "unrecognized_keys") {
      const sentences = issue.message.split("\n");
      return issue.keys.map((key, k) => ({ path: [...path, key], message: sentences[k] ?? issue.message }));
    }
    if (issue.code === "invalid_union") {
      const meant = issue.errors.filter((branch) => !branch.some(isOfAnotherType));
      return meant.length === 1 && meant[0] ? problemsOfIssues(meant[0], path) : [{ path, message: issue.message }];
    }
    if (issue.code === "invalid_key")
      return [{ path, message: `the name of this field ${issue.issues.map(({ message }) => message).join("; ")}` }];
    return [{ path, message: issue.message }];
  });
}

function isOfAnotherType(issue: z.core.$ZodIssue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_union") return issue.errors.every((branch) => branch.some(isOfAnotherType));
  return issue.code === "invalid_type";
}
