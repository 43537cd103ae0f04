import { attributeName } from "../config/documents/common.ts";

export type AttributeScalar = string | number | boolean;
export type AttributeValue = AttributeScalar | readonly AttributeScalar[];

/**
 * What selection may read: typed attributes, one of which is the unit. Values of any other type, and what an object
 * inherits, count as absent, so any object can be passed; {@link parseContext} refuses them with a reason instead.
 */
export type Context = { readonly [attribute: string]: AttributeValue | undefined };

/** The limits that {@link parseContext} holds. */
export const contextLimits = {
  attributes: 256,
  /** UTF-16 code units of one string. */
  stringCharacters: 16_384,
  valuesPerList: 1024,
} as const;

/** One thing that is wrong with a context: `path` is `context`, `context.<attribute>` or `context.<attribute>[<index>]`. */
export type ContextProblem = { readonly path: string; readonly message: string };

export type ParsedContext =
  | { readonly ok: true; readonly context: Context }
  | { readonly ok: false; readonly problems: readonly ContextProblem[] };

/**
 * A context from outside, such as a JSON body: every problem at once, or an object of its own, in which a key such as
 * `__proto__` is an attribute like any other. `null` stands for an absent attribute.
 */
export function parseContext(input: unknown): ParsedContext {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    const message = `must be an object of attributes such as {"userId": "42"}, found ${typeName(input)}`;
    return { ok: false, problems: [{ path: "context", message }] };
  }
  const names = Object.keys(input);
  if (names.length > contextLimits.attributes) {
    const message = `has ${names.length} attributes, at most ${contextLimits.attributes} are allowed: send only what rules read`;
    return { ok: false, problems: [{ path: "context", message }] };
  }
  // Without a prototype an object is a slow dictionary; what is inherited counts as absent anyway.
  const context: { [attribute: string]: AttributeValue } = Object.hasOwn(input, "__proto__") ? Object.create(null) : {};
  const problems: ContextProblem[] = [];
  for (const name of names) {
    const value: unknown = (input as Record<string, unknown>)[name];
    const problem = attributeProblem(name, value);
    if (problem !== null) problems.push(problem);
    else if (value !== null && value !== undefined) context[name] = value as AttributeValue;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, context };
}

/** Whether this is a value that an attribute can have; NaN is none. */
export function isPresent(value: unknown): value is AttributeValue {
  const type = typeof value;
  return type === "string" || type === "boolean" || (type === "number" && !Number.isNaN(value)) || Array.isArray(value);
}

function attributeProblem(name: string, value: unknown): ContextProblem | null {
  const isGoodName = attributeName.test(name);
  if (isGoodName && (value === null || value === undefined || isGoodScalar(value))) return null;
  const path = `context.${name.slice(0, 100)}`;
  if (!isGoodName) return { path, message: attributeNameMessage };
  if (!Array.isArray(value)) return scalarProblem(path, value, "a string, number, boolean or a list of these");
  if (value.length > contextLimits.valuesPerList) {
    return { path, message: `has ${value.length} values, at most ${contextLimits.valuesPerList} are allowed` };
  }
  for (const [index, member] of value.entries()) {
    const problem = scalarProblem(`${path}[${index}]`, member, "a string, number or boolean");
    if (problem !== null) return problem;
  }
  return null;
}

function isGoodScalar(value: unknown): boolean {
  return !Array.isArray(value) && scalarMessage(value, "") === null;
}

const attributeNameMessage =
  "is not an attribute name: a letter or _, then letters, digits, dots, hyphens or _, at most 63 characters";

function scalarProblem(path: string, value: unknown, allowed: string): ContextProblem | null {
  const message = scalarMessage(value, allowed);
  return message === null ? null : { path, message };
}

function scalarMessage(value: unknown, allowed: string): string | null {
  switch (typeof value) {
    case "boolean":
      return null;
    case "number":
      return Number.isFinite(value) ? null : "must be a finite number";
    case "string":
      if (value.length <= contextLimits.stringCharacters) return null;
      return `has ${value.length} characters, at most ${contextLimits.stringCharacters} are allowed`;
    default:
      return `must be ${allowed}, found ${typeName(value)}`;
  }
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : typeof value;
}
