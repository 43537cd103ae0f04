import type { Command } from "../command.ts";
import { exitCode } from "../exit-codes.ts";
import { outputOption, render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { askResolver, type Resolution, resolveOptions } from "../resolving.ts";

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
    const answer = await askResolver<Resolution>("/v1/resolve", args, context);
    render(args, context, answer, () => {
      const { model, version, variant, rule } = answer.config;
      return formatTable(
        ["routing key", "model", "rule", "variant", "revision", "ttl"],
        [
          [
            answer.routingKey,
            `${model}@${version}`,
            rule,
            variant ?? "-",
            String(answer.revision),
            `${answer.ttlMs} ms`,
          ],
        ],
      );
    });
    return exitCode.ok;
  },
};
