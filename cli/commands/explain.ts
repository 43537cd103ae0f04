import type { Explanation, RuleExplanation } from "../../selection/explain.ts";
import type { Command } from "../command.ts";
import { exitCode } from "../exit-codes.ts";
import { colour } from "../output/colour.ts";
import { outputOption, render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { askResolver, resolveOptions } from "../resolving.ts";

/** What is asked of the resolver's explanation to print it. */
type Explained = Pick<Explanation, "decision" | "unit" | "rules">;

/** `signalbox explain`: every rule, and why it did or did not match. */
export const explain: Command = {
  usage: "explain <objective>",
  summary: "Show for every rule why it did or did not match a context, with the bucket",
  positionals: { objective: { describe: "Its name" } },
  options: { ...resolveOptions, ...outputOption },
  examples: [["signalbox explain quickstart -c userId=user-1 -c device=kiosk", "why this user gets this version"]],
  run: async (args, context) => {
    const explained = await askResolver<Explained>("/v1/explain", args, context);
    render(args, context, explained, () => formatExplanation(explained, context.colours));
    return exitCode.ok;
  },
};

function formatExplanation({ decision, unit, rules }: Explained, colours: boolean): string {
  const rows = rules.map((rule) => [rule.rule, outcomeText(rule, colours), rule.why.join("; "), splitText(rule)]);
  const chosen = decision.variant === null ? decision.rule : `${decision.rule}/${decision.variant}`;
  return [
    `${decision.objective} at revision ${decision.revision} answers ${decision.model}@${decision.version} (${chosen}, ${decision.reason})`,
    `unit ${unit.attribute}: ${unit.value === null ? "missing" : JSON.stringify(unit.value)}`,
    "",
    formatTable(["rule", "outcome", "why", "split"], rows),
  ].join("\n");
}

function outcomeText({ outcome }: RuleExplanation, colours: boolean): string {
  const text = outcome.replaceAll("_", " ");
  return outcome === "chosen" ? colour(colours, "green", text) : text;
}

function splitText({ split }: RuleExplanation): string {
  if (!split) return "-";
  const arms = split.arms.map(({ variant, weight, chosen }) => `${chosen ? ">" : ""}${variant} ${weight}`);
  return `bucket ${split.bucket}: ${arms.join(", ")}`;
}
