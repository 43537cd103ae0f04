import type { CommandContext } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** Where the resolver is: `RESOLVER_URL`, or the default address. */
export function resolverUrl({ environment }: CommandContext): string {
  return environment.RESOLVER_URL || `http://127.0.0.1:${environment.RESOLVER_HTTP_PORT || 7070}`;
}

/** Where Envoy takes requests: `ENVOY_URL`, or the default address. */
export function envoyUrl({ environment }: CommandContext): string {
  return environment.ENVOY_URL || `http://127.0.0.1:${environment.ENVOY_KEYED_PORT || 10_000}`;
}

/** The admin pages of the Envoys to ask: `ENVOY_ADMIN_URLS` (comma between), or the default address. */
export function envoyAdminUrls({ environment }: CommandContext): string[] {
  const urls = environment.ENVOY_ADMIN_URLS || `http://127.0.0.1:${environment.ENVOY_ADMIN_PORT || 9901}`;
  return urls.split(",").map((url) => url.trim().replace(/\/$/, ""));
}

/** A request whose peer may be away; then the command ends and says which variable names another one. */
export async function send(
  context: CommandContext,
  peer: { readonly name: string; readonly variable: string },
  url: string,
  init: RequestInit = {},
): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.any([context.signal, AbortSignal.timeout(60_000)]) });
  } catch (error) {
    const { origin } = new URL(url);
    const cause = (error as Error).cause ?? error;
    const why = (cause as NodeJS.ErrnoException).code ?? (error as Error).message;
    const message = `${peer.name} does not answer at ${origin} (${why}): start it, or set ${peer.variable}.`;
    throw new CommandError(message, exitCode.unreachable, { cause: error });
  }
}
