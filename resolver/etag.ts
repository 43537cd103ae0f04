import { createHash } from "node:crypto";

/** A strong entity tag (RFC 9110, 8.8.3) of a content: the same for the same content, on every resolver. */
export function entityTag(content: string): string {
  return `"${createHash("sha256").update(content).digest("base64url").slice(0, 27)}"`;
}

/** Whether an `If-None-Match` header names the tag: then the content has not changed since. */
export function isKnownTag(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  // Weak tags compare equal here (RFC 9110, 13.1.2): a proxy that compressed the content made it weak.
  const known = ifNoneMatch.split(",").map((each) => each.trim().replace(/^W\//, ""));
  return known.includes(tag) || known.includes("*");
}
