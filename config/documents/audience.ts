import { z } from "zod";
import { limits } from "../limits.ts";
import { digestsProblem } from "../unit-digests.ts";
import { apiVersion, metadata, name } from "./common.ts";
import { beyond, onlyIfGood, report, unique } from "./refinements.ts";

const members = z
  .array(z.string().min(1).max(limits.memberCharacters, beyond("memberCharacters")))
  .min(1)
  .max(limits.membersPerAudience, beyond("membersPerAudience"))
  .superRefine(
    unique((member) => (typeof member === "string" ? member : undefined), "member"),
    onlyIfGood,
  )
  .describe("Unit ids, written out.");

const digests = z
  .base64()
  .min(1)
  .superRefine((text, ctx) => {
    const problem = digestsProblem(text);
    if (problem !== null) report(ctx, [], problem);
  }, onlyIfGood)
  .describe("Digests of unit ids, ascending: `signalbox audience` writes them. For lists of more than a few thousand.");

const parts = z
  .array(name)
  .min(1)
  .max(limits.partsPerAudience, beyond("partsPerAudience"))
  .superRefine(
    unique((part) => (typeof part === "string" ? part : undefined), "part"),
    onlyIfGood,
  )
  .describe("Audiences of this namespace whose members belong to this one too; they have no parts of their own.");

/** A list of units that conditions ask for with `inAudience`. */
export const audienceSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("Audience"),
  metadata,
  spec: z
    .strictObject({ members: members.optional(), digests: digests.optional(), parts: parts.optional() })
    .superRefine((spec, ctx) => {
      if (Object.keys(spec).length === 0) report(ctx, [], "must have members, digests or parts");
    }, onlyIfGood)
    .meta({ minProperties: 1 }),
});

export type Audience = z.output<typeof audienceSchema>;
export type AudienceInput = z.input<typeof audienceSchema>;
