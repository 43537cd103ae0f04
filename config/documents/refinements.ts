import type { z } from "zod";
import { mustBe } from "../explain-issue.ts";
import { limits } from "../limits.ts";

/** A message that also tells what was found: `must be …, found …`. */
export function expected(what: string): { error: (issue: { readonly input?: unknown }) => string } {
  return { error: (issue) => mustBe(what, issue.input) };
}

/** The message of a list or string that is longer than a limit, with the limit's name. */
export function beyond(limit: keyof typeof limits): { error: (issue: { readonly input?: unknown }) => string } {
  return {
    error: ({ input }) =>
      `must have at most ${limits[limit]} ${Array.isArray(input) ? "entries" : "characters"} (limit ${limit}), found ${(input as { length: number }).length}`,
  };
}

type Payload = { readonly value: unknown; readonly issues: readonly z.core.$ZodRawIssue[] };

/**
 * Has a refinement run although parts of its list or object are bad, so that every problem is told at once. It must
 * expect anything in those parts; that it is a list or an object itself is certain.
 */
export const evenIfPartsAreBad = {
  when: ({ issues }: Payload) => !issues.some(({ code, path }) => code === "invalid_type" && (path ?? []).length === 0),
};

/** Has a refinement run only when nothing at all is wrong below its value. */
export const onlyIfGood = { when: ({ issues }: Payload) => issues.length === 0 };

/** Refuses entries of a list that share what they are called by; `field` is where the message points. Entries without it are let be. */
export function unique<T>(identify: (entry: T) => string | undefined, field: string) {
  return (entries: readonly T[], ctx: z.core.$RefinementCtx): void => {
    const first = new Map<string, number>();
    entries.forEach((entry, index) => {
      const id = identify(entry ?? ({} as T));
      if (typeof id !== "string") return;
      const earlier = first.get(id);
      if (earlier === undefined) first.set(id, index);
      else report(ctx, [index, field], `"${id}" is in the list already, as entry ${earlier}; each may come once`);
    });
  };
}

/** Refuses a list whose weights are all 0: nothing in it could ever be chosen. */
export function someWeight(entries: readonly { readonly weight: number }[], ctx: z.core.$RefinementCtx): void {
  if (entries.length > 0 && entries.every((entry) => entry?.weight === 0))
    report(ctx, [], "all weights are 0, so none can be chosen; give at least one a weight above 0");
}

/** Adds a problem at a path below the value that is being refined. */
export function report(ctx: z.core.$RefinementCtx, path: readonly (string | number)[], message: string): void {
  ctx.addIssue({ code: "custom", path: [...path], message });
}
