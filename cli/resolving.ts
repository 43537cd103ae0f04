import type { Arguments, CommandContext, Option } from "./command.ts";
import { CommandError } from "./exit-codes.ts";
import { resolverUrl, send } from "./http.ts";
import { parseContextFlags } from "./parse-context.ts";
import { namespaceOption } from "./store-access.ts";

/** The flags of the commands that ask the resolver. */
export const resolveOptions: Readonly<Record<string, Option>> = {
  ...namespaceOption,
  context: {
    alias: "c",
    describe: "An attribute of the context, KEY=VALUE; may be given more than once",
    type: "string",
    array: true,
  },
  override: { describe: "Force a version, MODEL@VERSION; needs SIGNALBOX_TOKEN", type: "string" },
};

/** What the resolver answers for one objective. */
export type Resolution = {
  readonly objective: string;
  readonly routingKey: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly config: {
    readonly model: string;
    readonly version: string;
    readonly variant?: string | null;
    readonly rule: string;
    readonly parameters: Readonly<Record<string, unknown>>;
  };
  readonly revision: number;
  readonly ttlMs: number;
  readonly fallbackKeys: readonly string[];
};

/** Sends the command's objective and context to an endpoint of the resolver; an error it answers ends the command. */
export async function askResolver<T>(path: string, args: Arguments, context: CommandContext): Promise<T> {
  const token = context.environment.SIGNALBOX_TOKEN;
  const override = args.override === undefined ? undefined : parseOverride(String(args.override));
  const response = await send(
    context,
    { name: "The resolver", variable: "RESOLVER_URL" },
    resolverUrl(context) + path,
    {
      method: "POST",
      headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify({
        namespace: args.namespace,
        objective: args.objective,
        context: parseContextFlags((args.context as string[] | undefined) ?? []),
        ...(override ? { override } : {}),
      }),
    },
  );
  const body = (await response.json().catch(() => ({}))) as { error?: { code: string; message: string } };
  if (response.ok) return body as T;
  throw new CommandError(
    `The resolver refused (${body.error?.code ?? response.status}): ${body.error?.message ?? response.statusText}`,
  );
}

function parseOverride(text: string): { model?: string; version: string } {
  const [first = "", second] = text.split("@");
  return second === undefined ? { version: first } : { model: first, version: second };
}
