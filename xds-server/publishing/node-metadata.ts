import { z } from "zod";
import { describeValue } from "../../config/describe-value.ts";
import { name as documentName } from "../../config/documents/common.ts";
import { suggestion } from "../../config/nearest.ts";
import type { Node } from "../protocol/node.ts";
import { commaSeparated, type LabelRequirement, type ViewSelector } from "./view-selector.ts";

/** The keys of a node's metadata that Signalbox reads; others under its prefix are refused, so that none is misspelt. */
export const metadataKeys = {
  namespaces: "signalbox.dev/namespaces",
  labels: "signalbox.dev/labels",
  group: "signalbox.dev/group",
} as const;

const prefix = "signalbox.dev/";

const limits = { namespaces: 256, labels: 16, valuesPerLabel: 16 } as const;

/** What a node asks for, or all that is wrong with how it does. */
export type Asked =
  | { readonly ok: true; readonly selector: ViewSelector }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads what a node wants to be served from its user agent, its locality and its metadata. */
export function readNode({ userAgentName, metadata, locality }: Node): Asked {
  const problems = [...unknownKeys(metadata), ...regionProblems(locality.region)];
  const namespaces = readList(metadata, metadataKeys.namespaces, namespaceList, problems);
  const labels = readLabels(metadata, problems);
  const group = readGroup(metadata, problems);
  if (problems.length > 0) return { ok: false, problems };
  // Every gRPC library calls itself "gRPC ...".
  const audience = userAgentName.startsWith("gRPC") ? "grpc-clients" : "envoys";
  return { ok: true, selector: { audience, namespaces, region: locality.region, group, labels } };
}

function unknownKeys(metadata: Node["metadata"]): string[] {
  const known: readonly string[] = Object.values(metadataKeys);
  return Object.keys(metadata)
    .filter((key) => key.startsWith(prefix) && !known.includes(key))
    .map((key) => `metadata key "${key}" is not known${suggestion(key, known)}`);
}

/** What may stand in the name of a group. */
const word = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?$/;
const wordRule = "letters, digits and . _ - /, first and last a letter or digit, at most 253 characters";

function regionProblems(region: string): string[] {
  return region === "" || word.test(region)
    ? []
    : [`locality.region must be ${wordRule}; found ${describeValue(region)}`];
}

const namespaceList = z.preprocess(
  (value) => (typeof value === "string" ? commaSeparated(value) : value),
  z.array(documentName).min(1).max(limits.namespaces),
);

function readList(
  metadata: Node["metadata"],
  key: string,
  schema: z.ZodType<string[]>,
  problems: string[],
): readonly string[] | null {
  const value = metadata[key];
  if (value === undefined) return null;
  const parsed = schema.safeParse(value);
  if (parsed.success) return inOrder(parsed.data);
  const bad = Array.isArray(value) ? value.find((entry) => !documentName.safeParse(entry).success) : undefined;
  const found = bad === undefined ? describeValue(value) : describeValue(bad);
  problems.push(
    `metadata key "${key}" must be a list of 1 to ${limits.namespaces} namespaces such as [team-a, team-b]; found ${found}`,
  );
  return null;
}

const labelValue = z.string().regex(word);
const labelMap = z
  .record(
    z.string().regex(word),
    z.preprocess(
      (value) => (typeof value === "string" ? [value] : value),
      z.array(labelValue).min(1).max(limits.valuesPerLabel),
    ),
  )
  .refine((labels) => Object.keys(labels).length <= limits.labels);

function readLabels(metadata: Node["metadata"], problems: string[]): readonly LabelRequirement[] {
  const value = metadata[metadataKeys.labels];
  if (value === undefined) return [];
  const parsed = labelMap.safeParse(value);
  if (parsed.success) {
    return Object.entries(parsed.data)
      .map(([key, values]) => ({ key, values: inOrder(values) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  const path = parsed.error.issues[0]?.path.join(".") ?? "";
  problems.push(
    `metadata key "${metadataKeys.labels}"${path === "" ? "" : ` at "${path}"`} must map at most ${limits.labels} labels to a value, ` +
      `or to a list of at most ${limits.valuesPerLabel}, such as { tier: gold }; each is ${wordRule}`,
  );
  return [];
}

/** The group by which pins and staged rollouts name a node that is served; undefined when it is in none. */
export function rolloutGroupOf({ metadata }: Pick<Node, "metadata">): string | undefined {
  return readGroup(metadata, []) || undefined;
}

/** "" without one. */
function readGroup(metadata: Node["metadata"], problems: string[]): string {
  const value = metadata[metadataKeys.group];
  if (value === undefined) return "";
  const parsed = documentName.safeParse(value);
  if (parsed.success) return parsed.data;
  problems.push(
    `metadata key "${metadataKeys.group}" must be the name of a group such as canary, lower-case letters, digits and hyphens; found ${describeValue(value)}`,
  );
  return "";
}

function inOrder(words: readonly string[]): string[] {
  return [...new Set(words)].sort();
}
