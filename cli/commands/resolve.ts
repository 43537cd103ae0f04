import type { Command } from "../command.ts";
import { exitCode } from "../exit-codes.ts";
import { outputOption, render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { askResolver, resolutionSchema, resolveOptions } from "../resolving.ts";

/** `signalbox resolve`: which model version answers for a context. */
export const resolve: Command = {
  usage: "resolve <objective>",
  summary: "Ask the resolver which model version answers for a context",
  positionals: { objective: { describe: "Its name" } },
  options: { ...resolveOptions, ...outputOption },
  examples: [
    ["signalbox resolve quickstart -c userId=user-1 -c device=tv", "the routing key for one user"],
    ["signalbox resolve quickstart -c userId=user-1 -o json", "the whole answer"],
  ],
  run: async (args, context) => {
    const answer = await askResolver("/v1/resolve", resolutionSchema, args, context);
    const { routingKey, revision, ttlMs, reason } = answer;
    const { model, version, variant, rule } = answer.config;
    if (reason === "unit_missing")
      context.warn("A rule that splits was passed over: the context has no unit, such as -c userId=user-1.");
    render(args, context, answer, () =>
      formatTable(
        ["routing key", "model", "rule", "variant", "revision", "ttl"],
        [[routingKey, `${model}@${version}`, rule, variant ?? "-", String(revision), `${ttlMs} ms`]],
      ),
    );
    return exitCode.ok;
  },
};
