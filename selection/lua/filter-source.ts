import { readFileSync } from "node:fs";
import { askingMetadata, oneCallPath, refusedByResolver, resolverClusterName } from "../one-call/question.ts";
import { maxAttributeBytes } from "../one-call/read-context.ts";

/** In this order they are one file: each uses what those before it define. */
const parts = [
  "names",
  "murmur3",
  "splits",
  "operators",
  "versions",
  "context",
  "outcomes",
  "programs",
  "resolvers",
  "requests",
];

const names: Readonly<Record<string, string>> = {
  MAX_ATTRIBUTE_BYTES: String(maxAttributeBytes),
  RESOLVER_CLUSTER: resolverClusterName,
  ONE_CALL_PATH: oneCallPath,
  ASKING_NAMESPACE: askingMetadata.namespace,
  ASKING_KEY: askingMetadata.key,
  REFUSED_BY_RESOLVER: refusedByResolver,
};

/** The source of Envoy's Lua filter that selects, the same for all objectives. */
export function luaFilterSource(): string {
  const texts = parts.map((name) => readFileSync(new URL(`filter/${name}.lua`, import.meta.url), "utf8"));
  return texts.join("\n").replace(/@([A-Z_]+)@/g, (whole, name) => names[name] ?? whole);
}
