import { z } from "zod";
import { limits } from "../limits.ts";

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const list = z.array(scalar).min(1).max(limits.valuesPerList);

/**
 * The operators on one attribute; all that are given must hold. An attribute that is missing, or of a type that the
 * operator does not take, makes the operator false, `ne` and `notIn` included; only `exists: false` asks for absence.
 */
export const operators = z
  .strictObject({
    eq: scalar.optional(),
    ne: scalar.optional(),
    in: list.optional(),
    notIn: list.optional(),
    lt: z.number().optional(),
    lte: z.number().optional(),
    gt: z.number().optional(),
    gte: z.number().optional(),
    startsWith: z.string().optional(),
    endsWith: z.string().optional(),
    contains: scalar.optional().describe("A part of a string attribute, or a member of a list attribute."),
    semver: z.string().max(limits.patternCharacters).optional().describe('A version range such as ">=2.1.0 <3".'),
    matches: z
      .string()
      .max(limits.patternCharacters)
      .optional()
      .describe("A regular expression in RE2 syntax, found anywhere in the string."),
    exists: z.boolean().optional(),
  })
  .refine((value) => Object.keys(value).length > 0, "must have at least one operator");

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

/** Attribute names: what a JSON object, a header suffix and a command line can all carry. */
export const attributeName = /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/;

export const condition: z.ZodType<Condition> = z.lazy(() =>
  z
    .object({
      and: z.array(condition).min(1).optional(),
      or: z.array(condition).min(1).optional(),
      not: condition.optional(),
    })
    .catchall(z.union([scalar, operators])),
) as unknown as z.ZodType<Condition>;
