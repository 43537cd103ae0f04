import { createHash, timingSafeEqual } from "node:crypto";
import type { z } from "zod";

/** Who may force a model version. The token itself is not kept anywhere. */
export type OverrideToken = {
  /** The only namespace it is good for; null for all. */
  readonly namespace: string | null;
  readonly sha256: Buffer;
};

/** Reads `[namespace=]<64 hex digits>` with commas between; for a zod transform, which gets every problem. */
export function parseOverrideTokens(text: string, ctx: z.core.$RefinementCtx): readonly OverrideToken[] {
  const entries = text.split(",").map((entry) => entry.trim());
  return entries.flatMap((entry, index) => {
    if (entry === "") return [];
    const match = /^(?:([-a-z0-9]+)=)?([0-9a-fA-F]{64})$/.exec(entry);
    if (match) return { namespace: match[1] ?? null, sha256: Buffer.from(match[2] ?? "", "hex") };
    const wanted = "a SHA-256 sum in hex, or namespace=sum (printf %s TOKEN | sha256sum)";
    ctx.addIssue({ code: "custom", message: `entry ${index + 1} must be ${wanted}` });
    return [];
  });
}

export type Authorisation =
  /** `tokenId` tells tokens apart in logs: the start of the token's SHA-256 sum. */
  { readonly allowed: true; readonly tokenId: string } | { readonly allowed: false; readonly reason: string };

/** Whether the bearer of an `authorization` header may force a model version in a namespace. */
export type Authorise = (authorization: string | undefined, namespace: string) => Authorisation;

export function createAuthorise(tokens: readonly OverrideToken[]): Authorise {
  return (authorization, namespace) => {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) {
      return { allowed: false, reason: "an override needs the header `authorization: Bearer <token>`" };
    }
    const sum = createHash("sha256").update(token).digest();
    // Every entry is compared, so that the time says nothing about which one came near.
    const known = tokens.filter(({ sha256 }) => timingSafeEqual(sha256, sum));
    if (known.length === 0) return { allowed: false, reason: "the token given is not known to this resolver" };
    if (known.some((entry) => entry.namespace === null || entry.namespace === namespace)) {
      return { allowed: true, tokenId: sum.toString("hex", 0, 4) };
    }
    return { allowed: false, reason: `the token given is not good for namespace ${namespace}` };
  };
}
