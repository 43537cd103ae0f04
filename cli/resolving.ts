import { z } from "zod";
import type { Arguments, CommandContext, Option } from "./command.ts";
import { objectiveNamed } from "./document-kinds.ts";
import { resolverUrl } from "./environment.ts";
import { CommandError, exitCode } from "./exit-codes.ts";
import { send } from "./http.ts";
import { printable } from "./output/printable.ts";
import { parseContextFlags } from "./parse-context.ts";
import { namespaceOption } from "./store-access.ts";

/** The flags of the commands that ask the resolver. */
export const resolveOptions: Readonly<Record<string, Option>> = {
  ...namespaceOption,
  context: {
    alias: "c",
    describe: "An attribute of the context, KEY=VALUE; may be given more than once",
    takesMore: (word) => word.includes("=") && !word.startsWith("-"),
  },
  override: { describe: "Force a version, MODEL@VERSION; needs SIGNALBOX_TOKEN" },
};

/** What the command line reads of the resolver's answer to `POST /v1/resolve`. */
export const resolutionSchema = z.looseObject({
  routingKey: z.string(),
  headers: z.record(z.string(), z.string()),
  config: z.looseObject({
    model: z.string(),
    version: z.string(),
    variant: z.string().nullable(),
    rule: z.string(),
    parameters: z.record(z.string(), z.unknown()),
  }),
  revision: z.int(),
  ttlMs: z.int(),
  reason: z.string(),
});

const errorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    problems: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
    retryable: z.boolean().default(false),
  }),
});

/** Sends the command's objective and context to an endpoint of the resolver; an error it answers ends the command. */
export async function askResolver<S extends z.ZodType>(
  path: string,
  schema: S,
  args: Arguments,
  context: CommandContext,
): Promise<z.output<S>> {
  const url = resolverUrl(context) + path;
  const peer = { name: "The resolver", variable: "RESOLVER_URL" };
  const token = context.environment.SIGNALBOX_TOKEN;
  const response = await send(context, peer, url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(questionOf(args)),
  });
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw refused(errorSchema.safeParse(body), url, response.status);
  const answer = schema.safeParse(body);
  if (answer.success) return answer.data;
  throw new CommandError(`What answers at ${url} is no resolver: set RESOLVER_URL.`, exitCode.unreachable);
}

function questionOf(args: Arguments): object {
  const { namespace, name } = objectiveNamed(args);
  const attributes = parseContextFlags((args.context as readonly string[] | undefined) ?? []);
  const override = args.override === undefined ? {} : { override: parseOverride(String(args.override)) };
  return { namespace, objective: name, context: attributes, ...override };
}

function refused(answer: z.ZodSafeParseResult<z.output<typeof errorSchema>>, url: string, status: number) {
  if (!answer.success) {
    return new CommandError(`${url} answers ${status} and is no resolver: set RESOLVER_URL.`, exitCode.unreachable);
  }
  const { code, message, problems, retryable } = answer.data.error;
  const lines = problems.map((problem) => `  ${[problem.path, problem.message].filter(Boolean).join(": ")}`);
  const text = [`The resolver refused (${code}): ${message}`, ...lines].map(printable).join("\n");
  return new CommandError(text, retryable ? exitCode.unreachable : exitCode.failed);
}

function parseOverride(text: string): { model?: string; version: string } {
  const [first = "", second] = text.split("@");
  return second === undefined ? { version: first } : { model: first, version: second };
}
