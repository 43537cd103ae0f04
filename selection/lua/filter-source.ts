import { readFileSync } from "node:fs";
import { maxAttributeBytes } from "../one-call/read-context.ts";

/** In this order they are one file: each uses what those before it define. */
const parts = ["names", "murmur3", "splits", "operators", "versions", "context", "outcomes", "programs", "requests"];

/** The source of Envoy's Lua filter that selects, the same for all objectives. */
export function luaFilterSource(): string {
  const texts = parts.map((name) => readFileSync(new URL(`filter/${name}.lua`, import.meta.url), "utf8"));
  return texts.join("\n").replace("@MAX_ATTRIBUTE_BYTES@", String(maxAttributeBytes));
}
