import { z } from "zod";
import { limits } from "../limits.ts";
import { beyond, expected } from "./refinements.ts";

/** The only document version so far. */
export const apiVersion = "signalbox.dev/v1";

/** A DNS label (RFC 1123): lower-case letters, digits and hyphens, first and last not a hyphen, at most 63 characters. */
export const name = z
  .string()
  .max(limits.nameCharacters, beyond("nameCharacters"))
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    expected("lower-case letters, digits and hyphens, not starting or ending with a hyphen"),
  )
  .describe("A DNS label (RFC 1123), at most 63 characters.");

/** Attribute names of a context: what a JSON object, a header suffix and a command line can all carry. */
export const attributeName = /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/;

/** The version of a model: letters, digits, dot, hyphen, underscore. Always a string: quote it in YAML. */
export const modelVersion = z
  .string()
  .max(limits.nameCharacters, beyond("nameCharacters"))
  .regex(
    /^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$/,
    expected("letters, digits, dots, hyphens and underscores, first and last a letter or digit"),
  )
  .describe('A model version such as "7" or "2026-11-21.3"; quote it in YAML.');

const labelKey = z.string().min(1).max(253);
const labels = z
  .record(labelKey, z.string().max(1024))
  .refine(
    (value) => Object.keys(value).length <= limits.labelsPerDocument,
    `must have at most ${limits.labelsPerDocument} entries (limit labelsPerDocument)`,
  );

/** What every document says of itself. `revision` is what the document was edited from; it is checked, never stored. */
export const metadata = z.strictObject({
  namespace: name.default("default").describe("The tenant: names, permissions, limits and failures end at its border."),
  name,
  labels: labels.optional().describe("For selecting documents."),
  annotations: labels.optional().describe("For people and tools; Signalbox does not read them."),
  revision: z
    .int()
    .positive()
    .optional()
    .describe(
      "The revision this document was edited from. `signalbox apply` refuses the document when another came since.",
    ),
});

/** Request-specific parameters of a model version; opaque to Signalbox, handed to the client in the ObjectiveConfig. */
export const parameters = z
  .record(z.string(), z.json())
  .describe("Opaque to Signalbox; the client puts them in the request.");

/** One model version of the document's own namespace. */
export const modelVersionReference = z.strictObject({
  model: name,
  version: modelVersion,
  parameters: parameters.optional(),
});

export type ModelVersionReference = z.output<typeof modelVersionReference>;

/** Milliseconds, a whole number. */
export const milliseconds = z.int().min(0).max(86_400_000);
