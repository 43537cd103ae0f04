import { untilAborted } from "../config/until-aborted.ts";
import type { Context } from "../selection/context.ts";
import { envoyAddress, type SendingDeps } from "./infer.ts";
import { configHeaders } from "./place-config.ts";
import type { ResolveOptions } from "./question.ts";
import { inject } from "./tracing.ts";

/** The context of every request, or what makes it from one. */
export type ContextOf = Context | ((request: Request) => Context | Promise<Context>);

type CreateFetch = (
  objective: string,
  context: ContextOf,
  options?: Omit<ResolveOptions, "signal">,
) => typeof globalThis.fetch;

export function createFetch(deps: SendingDeps): CreateFetch {
  return (objective, context, options = {}) => {
    const contextFor = async (request: Request) => (typeof context === "function" ? context(request) : context);
    return async (input, init) => {
      const isPath = typeof input === "string" && input.startsWith("/");
      const request = new Request(isPath ? envoyAddress(deps.envoyUrl, input) : input, init);
      const attributes = await untilAborted(contextFor(request), request.signal);
      const answer = await deps.resolve(objective, attributes, { ...options, signal: request.signal });
      const added = { ...configHeaders(answer.config), ...inject(), ...answer.headers };
      for (const [name, value] of Object.entries(added)) request.headers.set(name, value);
      return deps.fetch(request);
    };
  };
}
