import { z } from "zod";
import type { Command } from "../command.ts";
import { exitCode } from "../exit-codes.ts";
import { colour } from "../output/colour.ts";
import { printable } from "../output/printable.ts";
import { outputOption, render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { askResolver, resolveOptions } from "../resolving.ts";

const step = {
  outcome: z.string(),
  why: z.array(z.string()),
  split: z
    .looseObject({
      bucket: z.int(),
      arms: z.array(z.looseObject({ variant: z.string(), weight: z.number(), chosen: z.boolean() })),
    })
    .nullable(),
};
const experimentSchema = z.looseObject({ experiment: z.string(), ...step });
const ruleSchema = z.looseObject({ rule: z.string(), ...step });

/** What the command line reads of the resolver's answer to `POST /v1/explain`. */
const explanationSchema = z.looseObject({
  objective: z.string(),
  decision: z.looseObject({
    rule: z.string(),
    variant: z.string().nullable(),
    model: z.string(),
    version: z.string(),
    revision: z.int(),
    reason: z.string(),
  }),
  unit: z.object({ attribute: z.string(), value: z.string().nullable() }),
  experiments: z.array(experimentSchema).default([]),
  rules: z.array(ruleSchema),
  oneCall: z.looseObject({ engine: z.string(), why: z.array(z.string()) }).optional(),
});

type Explanation = z.output<typeof explanationSchema>;
type Rule = z.output<typeof ruleSchema>;

/** `signalbox explain`: every rule, and why it did or did not match. */
export const explain: Command = {
  usage: "explain <objective>",
  summary: "Show for every experiment and rule why it did or did not match a context, with the bucket",
  positionals: { objective: { describe: "Its name" } },
  options: { ...resolveOptions, ...outputOption },
  examples: [["signalbox explain quickstart -c userId=user-1 -c device=kiosk", "why this user gets this version"]],
  run: async (args, context) => {
    const explanation = await askResolver("/v1/explain", explanationSchema, args, context);
    render(args, context, explanation, () => formatExplanation(explanation, context.colours));
    return exitCode.ok;
  },
};

function formatExplanation(explanation: Explanation, colours: boolean): string {
  const { objective, decision, unit, experiments, rules, oneCall } = explanation;
  const chosen = decision.variant === null ? decision.rule : `${decision.rule}/${decision.variant}`;
  const reason = decision.reason.replaceAll("_", " ");
  const row = (name: string, { outcome, why, split }: Pick<Rule, "outcome" | "why" | "split">) => [
    name,
    outcomeText(outcome, colours),
    printable(why.join("; ")),
    splitText(split),
  ];
  const rows = [
    ...experiments.map(({ experiment, ...rest }) => row(`${experiment} (experiment)`, rest)),
    ...rules.map(({ rule, ...rest }) => row(rule, rest)),
  ];
  return [
    `${objective} at revision ${decision.revision} answers ${decision.model}@${decision.version} (${chosen}, ${reason})`,
    `unit ${unit.attribute}: ${unit.value === null ? "missing" : JSON.stringify(unit.value)}`,
    "",
    formatTable(["rule", "outcome", "why", "split"], rows),
    ...(oneCall ? ["", oneCallText(oneCall)] : []),
  ].join("\n");
}

function oneCallText({ engine, why }: NonNullable<Explanation["oneCall"]>): string {
  if (engine === "embedded") return "In one-call mode, Envoy decides by itself.";
  return `In one-call mode, Envoy asks the resolver: ${printable(why.join("; "))}`;
}

function outcomeText(outcome: string, colours: boolean): string {
  const text = outcome.replaceAll("_", " ");
  return outcome === "chosen" ? colour(colours, "green", text) : text;
}

function splitText(split: Rule["split"]): string {
  if (!split) return "-";
  const arms = split.arms.map(({ variant, weight, chosen }) => `${chosen ? ">" : ""}${variant} ${weight}`);
  return `bucket ${split.bucket}: ${arms.join(", ")}`;
}
