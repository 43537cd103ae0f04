import { createHash } from "node:crypto";

/** A bearer token that may force versions, and its entry for RESOLVER_OVERRIDE_TOKENS. */
export const overrideToken = "a-token-for-the-tests";
export const overrideTokenSum = createHash("sha256").update(overrideToken).digest("hex");
