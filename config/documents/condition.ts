import { z } from "zod";
import { limits } from "../limits.ts";
import { compilePattern } from "../pattern.ts";
import { compileVersionRange } from "../version-range.ts";
import { attributeName, name } from "./common.ts";
import { beyond, expected, onlyIfGood, report } from "./refinements.ts";

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const list = z.array(scalar).min(1).max(limits.valuesPerList, beyond("valuesPerList"));

const versionRange = z
  .string()
  .max(limits.patternCharacters, beyond("patternCharacters"))
  .superRefine((range, ctx) => {
    const compiled = compileVersionRange(range);
    if (!compiled.ok) report(ctx, [], `is not a version range such as ">=2.1.0 <3": ${compiled.reason}`);
  })
  .describe('A version range such as ">=2.1.0 <3".');

const pattern = z
  .string()
  .max(limits.patternCharacters, beyond("patternCharacters"))
  .superRefine((expression, ctx) => {
    const compiled = compilePattern(expression);
    if (!compiled.ok) report(ctx, [], `is not a regular expression in RE2 syntax: ${compiled.reason}`);
  })
  .describe("A regular expression in RE2 syntax, found anywhere in the string.");

/**
 * The operators on one attribute; all that are given must hold. An attribute that is missing, or of a type that the
 * operator does not take, makes the operator false, `ne` and `notIn` included; only `exists: false` asks for absence.
 */
export const operators = z
  .strictObject({
    eq: scalar.optional().describe("Equal to this value, and of its type."),
    ne: scalar.optional().describe("Of the type of this value, and not equal to it."),
    in: list.optional().describe("Equal to one of these values."),
    notIn: list.optional().describe("Of the type of one of these values, and equal to none."),
    lt: z.number().optional().describe("A number below this one."),
    lte: z.number().optional().describe("A number not above this one."),
    gt: z.number().optional().describe("A number above this one."),
    gte: z.number().optional().describe("A number not below this one."),
    startsWith: z.string().optional(),
    endsWith: z.string().optional(),
    contains: scalar.optional().describe("A part of a string attribute, or a member of a list attribute."),
    semver: versionRange.optional(),
    matches: pattern.optional(),
    inAudience: name.optional().describe("A unit id that is in this Audience of the namespace."),
    exists: z.boolean().optional().describe("Whether the attribute is there at all."),
  })
  .superRefine((value, ctx) => {
    if (Object.keys(value).length === 0)
      report(ctx, [], "must have at least one operator, such as { in: [a, b] } or { exists: true }");
  }, onlyIfGood)
  .meta({ id: "Operators", minProperties: 1 });

export type Scalar = z.output<typeof scalar>;
export type Operators = z.output<typeof operators>;

/**
 * A condition on the context: attribute -> value (equality) or operators, all of which must hold, together with
 * `and` (all of a list), `or` (any of a list) and `not`. Those three words cannot be attribute names. `{}` is true.
 */
export type Condition = {
  readonly and?: readonly Condition[];
  readonly or?: readonly Condition[];
  readonly not?: Condition;
} & { readonly [attribute: string]: Scalar | Operators | Condition | readonly Condition[] | undefined };

const attributeTest = z.union(
  [scalar, operators],
  expected("a string, number, true or false to be equal to, or operators such as { in: [a, b] }"),
);

const nested: z.ZodType<Condition> = z.lazy(() => level) as unknown as z.ZodType<Condition>;

const level = z
  .object({
    and: z.array(nested).min(1).optional().describe("All of these."),
    or: z.array(nested).min(1).optional().describe("At least one of these."),
    not: nested.optional(),
  })
  .catchall(attributeTest)
  .superRefine((value, ctx) => {
    for (const key of Object.keys(value)) {
      if (!attributeName.test(key)) report(ctx, [key], `is not an attribute name: ${attributeNameRule}`);
    }
  })
  .meta({ id: "Condition", propertyNames: { pattern: attributeName.source } });

const attributeNameRule =
  "letters, digits, dots, hyphens and underscores, starting with a letter or underscore, at most 63 characters";

/** A whole condition, within the limits on its depth and its number of terms. */
export const condition: z.ZodType<Condition> = (level as unknown as z.ZodType<Condition>).superRefine((value, ctx) => {
  const { depth, terms } = measure(value);
  if (depth > limits.conditionDepth)
    report(ctx, [], `nests and, or, not ${depth} deep; at most ${limits.conditionDepth} (limit conditionDepth)`);
  if (terms > limits.conditionTerms)
    report(ctx, [], `has ${terms} attributes and operators; at most ${limits.conditionTerms} (limit conditionTerms)`);
});

function measure(condition: Condition): { depth: number; terms: number } {
  const size = { depth: 0, terms: 0 };
  addSize(condition, 0, size);
  return size;
}

function addSize(condition: Condition, depth: number, size: { depth: number; terms: number }): void {
  size.depth = Math.max(size.depth, depth);
  for (const part of condition.and ?? []) addSize(part, depth + 1, size);
  for (const part of condition.or ?? []) addSize(part, depth + 1, size);
  if (condition.not) addSize(condition.not, depth + 1, size);
  for (const key of Object.keys(condition)) {
    if (key === "and" || key === "or" || key === "not") continue;
    const test = condition[key];
    size.terms += typeof test === "object" ? 1 + Object.keys(test).length : 1;
  }
}
