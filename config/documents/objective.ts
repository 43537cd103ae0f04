import { z } from "zod";
import { embeddingObstacles } from "../embedding.ts";
import { limits } from "../limits.ts";
import { unreachableRules } from "../unreachable-rules.ts";
import {
  apiVersion,
  attributeName,
  type ModelVersionReference,
  metadata,
  milliseconds,
  modelVersionReference,
  name,
} from "./common.ts";
import { condition } from "./condition.ts";
import { beyond, evenIfPartsAreBad, expected, onlyIfGood, report, someWeight, unique } from "./refinements.ts";

const weight = z.number().min(0).max(1_000_000);

const variant = z.strictObject({ name, weight, ...modelVersionReference.shape });

const split = z.strictObject({
  salt: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe("What the unit is hashed with; `<namespace>/<objective>/<rule>` when absent."),
  variants: z
    .array(variant)
    .min(1)
    .max(limits.variantsPerSplit, beyond("variantsPerSplit"))
    .superRefine(
      unique((each) => each.name, "name"),
      evenIfPartsAreBad,
    )
    .superRefine(someWeight, evenIfPartsAreBad),
});

const rule = z
  .strictObject({
    name,
    when: condition.optional().describe("Always true when absent."),
    split: split.optional(),
    serve: modelVersionReference.optional().describe("One model version for all that the rule matches."),
  })
  .superRefine((value, ctx) => {
    if ((value.split === undefined) === (value.serve === undefined))
      report(ctx, [], "must have exactly one of split and serve");
  }, evenIfPartsAreBad)
  .meta({ oneOf: [{ required: ["split"] }, { required: ["serve"] }] });

const rules = z
  .array(rule)
  .max(limits.rulesPerObjective, beyond("rulesPerObjective"))
  .superRefine(
    unique((each) => each.name, "name"),
    evenIfPartsAreBad,
  )
  .superRefine((each, ctx) => {
    const areGood = ctx.issues.length === 0;
    const readable = areGood ? each : each.map((one) => (isReadable(one) ? one : null));
    for (const { rule: unreachable, shadowedBy } of unreachableRules(readable)) {
      const earlier = `rule "${each[shadowedBy]?.name}" (entry ${shadowedBy})`;
      const message = `can never match, because ${earlier} matches first whenever it would; reorder or remove it`;
      report(ctx, [unreachable], message);
    }
  }, evenIfPartsAreBad)
  .describe("In order; the first whose condition holds decides.");

/** Whether what stands in the place of a rule has a condition, or none. */
function isReadable(value: unknown): boolean {
  return looseRule.safeParse(value).success;
}

const looseRule = z.looseObject({ when: condition.optional() });

const shadow = z.strictObject({
  ...modelVersionReference.omit({ parameters: true }).shape,
  percent: z.number().min(0).max(100),
});

const policy = z.strictObject({
  timeoutMs: milliseconds
    .default(15_000)
    .describe("Until the whole answer has arrived; 0 is no limit, which streams need."),
  idleTimeoutMs: milliseconds.default(300_000).describe("Longest silence on a stream; 0 is no limit."),
  retries: z.int().min(0).max(10).default(1).describe("Only of requests that no model has begun to answer."),
  onUnknownKey: z.enum(["default", "reject"]).default("default"),
  loading: z
    .enum(["eager", "lazy"])
    .default("eager")
    .describe("Whether every Envoy holds the routes at all times, or each loads them at the first request for them."),
  ttlMs: milliseconds.default(10_000).describe("How long a client may reuse an answer of the resolver."),
  engine: z
    .enum(["auto", "embedded", "resolver"])
    .default("auto")
    .describe(
      "What selects in one-call mode: the rules inside Envoy (embedded), or the resolver that Envoy asks; auto is embedded where the rules allow it.",
    ),
  onResolverFailure: z
    .enum(["default", "reject"])
    .default("default")
    .describe("One-call mode, engine resolver: what a request gets when no resolver answers in time."),
  resolverTimeoutMs: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe(
      "One-call mode, engine resolver: how long Envoy waits for an answer in all, never longer than timeoutMs. One resolver gets half of it before the next is asked.",
    ),
});

/** Headers that mean something already, and must not be read as an attribute. */
const reservedHeader = /^(x-signalbox-|x-envoy-|x-routing-key$|(proxy-)?authorization$|cookie$|baggage$)/;

const contextSource = z.strictObject({
  header: z
    .string()
    .max(limits.nameCharacters, beyond("nameCharacters"))
    .regex(/^[a-z0-9][a-z0-9_-]*$/, expected("the name of a header in lower case, such as x-user-id"))
    .superRefine((header, ctx) => {
      if (reservedHeader.test(header)) report(ctx, [], `${header} has a meaning of its own; name another header`);
    })
    .optional()
    .describe("The request header that holds it."),
  baggage: z
    .string()
    .regex(attributeName, expected("a baggage key such as user.id, at most 63 characters"))
    .optional()
    .describe("The member of W3C baggage that holds it, when the header does not."),
  type: z
    .enum(["string", "number", "boolean", "list"])
    .optional()
    .describe("What the text is read as; when absent, what the rules compare the attribute with."),
});

const contextSources = z
  .record(
    z.string().regex(attributeName, expected("an attribute name such as userId, at most 63 characters")),
    contextSource,
  )
  .superRefine((sources, ctx) => {
    const names = Object.keys(sources);
    if (names.length > limits.contextSourcesPerObjective)
      report(
        ctx,
        [],
        `must have at most ${limits.contextSourcesPerObjective} entries (limit contextSourcesPerObjective)`,
      );
    const first = new Map<string, string>();
    for (const name of names) {
      const earlier = first.get(name.toLowerCase());
      if (earlier !== undefined)
        report(ctx, [name], `differs from "${earlier}" in case only, which headers cannot tell`);
      else first.set(name.toLowerCase(), name);
    }
  });

/** `ranker@7`, of whatever is in the place of a reference; null when it is none. */
function versionName(value: Partial<ModelVersionReference> | undefined): string | null {
  const { model, version } = value ?? {};
  return typeof model === "string" && typeof version === "string" ? `${model}@${version}` : null;
}

/** A business use case: which model version answers for which context. */
export const objectiveSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal("Objective"),
  metadata,
  spec: z
    .strictObject({
      unit: z
        .string()
        .regex(attributeName, expected("an attribute name such as userId, at most 63 characters"))
        .default("userId")
        .describe("The context attribute that is bucketed: the same unit gets the same variant."),
      default: modelVersionReference,
      rules: rules.default([]),
      shadow: z
        .array(shadow)
        .max(limits.shadowsPerObjective, beyond("shadowsPerObjective"))
        .superRefine(
          unique(({ model, version }) => (model === undefined ? undefined : `${model}@${version}`), "version"),
          evenIfPartsAreBad,
        )
        .default([])
        .describe("Model versions that get a copy of the requests; their answers are thrown away."),
      context: contextSources
        .optional()
        .describe(
          "One-call mode: where attributes come from that are not in x-signalbox-context-<attribute> or the baggage member of their name.",
        ),
      policy: policy.prefault({}),
    })
    .superRefine((spec, ctx) => {
      const primary = versionName(spec.default);
      if (primary === null || !Array.isArray(spec.shadow)) return;
      spec.shadow.forEach((each, index) => {
        if (versionName(each) === primary)
          report(ctx, ["shadow", index], `${primary} is the default itself; shadow another version`);
      });
    }, evenIfPartsAreBad)
    .superRefine((spec, ctx) => {
      if (spec.policy.engine !== "embedded") return;
      for (const { path, message } of embeddingObstacles(spec.rules))
        report(ctx, ["rules", ...path], `${message}; use policy.engine: auto or resolver`);
    }, onlyIfGood),
});

export type Objective = z.output<typeof objectiveSchema>;
export type ObjectiveInput = z.input<typeof objectiveSchema>;
export type Rule = Objective["spec"]["rules"][number];
export type Split = NonNullable<Rule["split"]>;
export type Variant = Split["variants"][number];
