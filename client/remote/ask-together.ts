import { inSpan } from "../tracing.ts";
import type { ResolverPool } from "./resolver-pool.ts";
import { RefusedError, type ResolveCall, type ResolveResult } from "./transport.ts";

/** What one request to a resolver may hold: requests with contexts of their own, and characters of all contexts together. */
const callsPerRequest = 100;
const charactersPerRequest = 64 * 1024;

/**
 * Asks the resolvers all calls, as few requests as they fit into. A call with an override goes alone, because its token is that
 * of the whole request. Each promise is settled by its own call's answer.
 */
export function askTogether(
  pool: ResolverPool,
  calls: readonly ResolveCall[],
): readonly Promise<readonly ResolveResult[]>[] {
  const answers = new Map<ResolveCall, Promise<readonly ResolveResult[]>>();
  for (const part of inRequests(calls)) {
    const [first, ...others] = part;
    if (first === undefined) continue;
    if (others.length === 0) answers.set(first, askOne(pool, first));
    else for (const [call, answer] of askMany(pool, part)) answers.set(call, answer);
  }
  return calls.map((call) => answers.get(call) as Promise<readonly ResolveResult[]>);
}

function askOne(pool: ResolverPool, call: ResolveCall): Promise<readonly ResolveResult[]> {
  const attributes = { "signalbox.namespace": call.namespace, "signalbox.objectives": [...call.objectives] };
  return inSpan("signalbox.resolve", attributes, () =>
    pool.ask((transport, signal) => transport.resolve(call, signal)),
  );
}

function askMany(pool: ResolverPool, calls: readonly ResolveCall[]) {
  const asking = inSpan("signalbox.resolve", { "signalbox.requests": calls.length }, () =>
    pool.ask((transport, signal) => transport.resolveMany(calls, signal)),
  );
  return calls.map((call, index) => {
    const answer = asking.then((answers) => {
      const found = answers[index] ?? [];
      if ("refused" in found) throw new RefusedError(found.refused);
      return found;
    });
    return [call, answer] as const;
  });
}

function inRequests(calls: readonly ResolveCall[]): ResolveCall[][] {
  const parts: ResolveCall[][] = [];
  let open: ResolveCall[] = [];
  let characters = 0;
  for (const call of calls) {
    if (call.override !== undefined) {
      parts.push([call]);
      continue;
    }
    const own = JSON.stringify(call.context).length + call.objectives.join().length;
    if (open.length === callsPerRequest || (open.length > 0 && characters + own > charactersPerRequest)) {
      parts.push(open);
      open = [];
      characters = 0;
    }
    open.push(call);
    characters += own;
  }
  return [...parts, open];
}
