import type { Command } from "../command.ts";
import { exitCode } from "../exit-codes.ts";
import { envoyUrl, send } from "../http.ts";
import { readData } from "../read-data.ts";
import { askResolver, type Resolution, resolveOptions } from "../resolving.ts";

/** `signalbox infer`: what a client does, from the command line. */
export const infer: Command = {
  usage: "infer <objective>",
  summary: "Resolve, then send a body through Envoy and print the model's answer",
  positionals: { objective: { describe: "Its name" } },
  options: {
    ...resolveOptions,
    data: { alias: "d", describe: "The body: @FILE, @- for standard input, or text", type: "string", required: true },
    path: { describe: "The path that Envoy is asked for", type: "string", default: "/infer" },
    "content-type": { describe: "Of the body", type: "string", default: "application/json" },
    "traffic-class": { describe: "Such as test or synthetic; reaches the model and the access log", type: "string" },
    verbose: { alias: "v", describe: "Print the decision and the response headers to standard error", type: "boolean" },
  },
  examples: [["signalbox infer quickstart -c userId=user-1 -d @examples/quickstart/request.json", "one request"]],
  run: async (args, context) => {
    const body = await readData(String(args.data), context);
    const resolution = await askResolver<Resolution>("/v1/resolve", args, context);
    const contentType = String(args["content-type"]);
    const response = await send(context, { name: "Envoy", variable: "ENVOY_URL" }, envoyUrl(context) + args.path, {
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
      for (const [name, value] of response.headers) context.warn(`${name}: ${value}`);
    }
    context.print((await response.text()).trimEnd());
    return response.ok ? exitCode.ok : exitCode.failed;
  },
};

/**
 * The body with the ObjectiveConfig's parameters in its `parameters`, where the Open Inference Protocol has its place
 * for them; what the body says itself wins. Bodies that are no JSON object, and configs without parameters, stay as
 * they are.
 */
function withParameters(
  body: Buffer,
  contentType: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Uint8Array<ArrayBuffer> {
  const asIs = new Uint8Array(body);
  if (Object.keys(parameters).length === 0 || !contentType.startsWith("application/json")) return asIs;
  try {
    const parsed = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return asIs;
    return new Uint8Array(
      Buffer.from(JSON.stringify({ ...parsed, parameters: { ...parameters, ...(parsed.parameters as object) } })),
    );
  } catch {
    return asIs;
  }
}
