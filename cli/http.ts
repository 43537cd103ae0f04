import type { CommandContext } from "./command.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** What a request goes to, and the variable that says where it is. */
export type Peer = { readonly name: string; readonly variable: string };

const timeoutMs = 60_000;

/** A request whose peer may be away; then the command ends and says which variable names another one. */
export async function send(
  context: CommandContext,
  peer: Peer,
  url: string,
  init: RequestInit = {},
): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]) });
  } catch (error) {
    context.signal.throwIfAborted();
    const cause = (error as Error).cause ?? error;
    const why = (cause as NodeJS.ErrnoException).code ?? (error as Error).message;
    const message = `${peer.name} does not answer at ${new URL(url).origin} (${why}): start it, or set ${peer.variable}.`;
    throw new CommandError(message, exitCode.unreachable, { cause: error });
  }
}
