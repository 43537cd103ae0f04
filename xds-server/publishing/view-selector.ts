import { createHash } from "node:crypto";
import type { Owner } from "./owned-change.ts";

/** Which kind of client: an Envoy, or a gRPC library that is an xDS client itself. */
export type Audience = "envoys" | "grpc-clients";

/** Which documents a node is served. Two nodes with the same selection are one node group. */
export type ViewSelector = {
  readonly audience: Audience;
  /** Only these namespaces, in order and each once; null is all of them. */
  readonly namespaces: readonly string[] | null;
  /** Where the node runs; "" takes documents of every region. */
  readonly region: string;
  /** By which pins and staged rollouts name the node; "" is in none. It selects nothing, but decides in which form. */
  readonly group: string;
  /** Only documents with all of these labels, each with one of the values; keys and values in order. */
  readonly labels: readonly LabelRequirement[];
};

export type LabelRequirement = { readonly key: string; readonly values: readonly string[] };

/** The label of a document that is meant for some regions only, with commas between them; without it, for all. */
export const regionsLabel = "signalbox.dev/regions";

/**
 * Whether a document is selected by itself. Besides, a view has the shards that its objectives route to, whatever their
 * labels say.
 */
export function isSelected({ namespaces, region, labels }: ViewSelector, owner: Owner): boolean {
  if (namespaces !== null && !namespaces.includes(owner.namespace)) return false;
  const regions = owner.labels[regionsLabel];
  if (region !== "" && regions !== undefined && !commaSeparated(regions).includes(region)) return false;
  return labels.every(({ key, values }) => {
    const value = owner.labels[key];
    return value !== undefined && values.includes(value);
  });
}

/** `a, b` as a list, without empty words. */
export function commaSeparated(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** A name is shown in status, log and metrics; of a longer one the rest becomes a hash. */
const maxNameCharacters = 200;

/** The name of the node group: the same for the same selection. `envoys namespaces=a,b region=eu-west-1 tier=gold|silver`. */
export function groupName({ audience, namespaces, region, group, labels }: ViewSelector): string {
  const name = [
    audience,
    ...(namespaces === null ? [] : [`namespaces=${namespaces.join(",")}`]),
    ...(region === "" ? [] : [`region=${region}`]),
    ...(group === "" ? [] : [`group=${group}`]),
    ...labels.map(({ key, values }) => `${key}=${values.join("|")}`),
  ].join(" ");
  if (name.length <= maxNameCharacters) return name;
  const rest = createHash("sha256").update(name).digest("base64url").slice(0, 16);
  return `${name.slice(0, maxNameCharacters - rest.length - 1)}…${rest}`;
}

/** What a client without metadata is served: everything. */
export function everything(audience: Audience): ViewSelector {
  return { audience, namespaces: null, region: "", group: "", labels: [] };
}
