import type { Arguments, Command, CommandContext } from "../command.ts";
import { envoyUrl } from "../environment.ts";
import { exitCode } from "../exit-codes.ts";
import { send } from "../http.ts";
import { printable } from "../output/printable.ts";
import { readData } from "../read-data.ts";
import { askResolver, resolutionSchema, resolveOptions } from "../resolving.ts";
import { withParameters } from "../with-parameters.ts";

/** `signalbox infer`: what a client does, from the command line. */
export const infer: Command = {
  usage: "infer <objective>",
  summary: "Resolve, then send a body through Envoy and print the model's answer",
  positionals: { objective: { describe: "Its name" } },
  options: {
    ...resolveOptions,
    data: { alias: "d", describe: "The body: @FILE, @- for standard input, or text", required: true },
    path: { describe: "The path that Envoy is asked for", default: "/infer" },
    "content-type": { describe: "Of the body", default: "application/json" },
    "traffic-class": { describe: "Such as test or synthetic; reaches the model and the access log" },
    verbose: { alias: "v", describe: "Print the decision and the response headers to standard error", type: "boolean" },
  },
  examples: [
    ["signalbox infer quickstart -c userId=user-1 -d @examples/quickstart/request.json", "one request"],
    ["signalbox infer quickstart -c userId=user-1 -d @- -v < request.json", "what Envoy answered, with its headers"],
  ],
  run: async (args, context) => {
    const body = await readData(String(args.data), context);
    const resolution = await askResolver("/v1/resolve", resolutionSchema, args, context);
    const contentType = String(args["content-type"]);
    const response = await send(context, { name: "Envoy", variable: "ENVOY_URL" }, addressOf(args, context), {
      method: "POST",
      headers: {
        "content-type": contentType,
        "x-signalbox-client": "signalbox-cli",
        ...(args["traffic-class"] ? { "x-signalbox-traffic-class": String(args["traffic-class"]) } : {}),
        ...resolution.headers,
      },
      body: withParameters(body, contentType, resolution.config.parameters),
    });
    if (args.verbose) {
      context.warn(`${resolution.routingKey} (rule ${resolution.config.rule}, revision ${resolution.revision})`);
      context.warn(`HTTP ${response.status}`);
      for (const [name, value] of response.headers) context.warn(printable(`${name}: ${value}`));
    }
    await writeBody(response, context);
    return response.ok ? exitCode.ok : exitCode.failed;
  },
};

function addressOf({ path }: Arguments, context: CommandContext): string {
  return envoyUrl(context) + String(path).replace(/^\/?/, "/");
}

/** As it arrives, byte for byte; on a terminal the prompt gets a line of its own. */
async function writeBody({ body }: Response, context: CommandContext): Promise<void> {
  let last: number | undefined;
  for await (const chunk of body ?? []) {
    await context.write(chunk);
    last = chunk.at(-1) ?? last;
  }
  if (context.terminal && last !== "\n".charCodeAt(0)) context.print("");
}
