import type { Shard } from "../../config/documents/shard.ts";
import type { ShardSecrets } from "../routing/routing-table.ts";
import type { Secrets } from "./secret-folder.ts";

/** What a shard's `tls` names, as far as it is there, and what is not. */
export type ShardSecretsFound = { readonly secrets: ShardSecrets; readonly missing: readonly string[] };

/** The secrets (`<namespace>/<name>`) that a shard of that namespace names. */
export function secretsNamedBy(namespace: string, { tls }: Shard["spec"]): string[] {
  const names = [tls?.clientSecret, tls?.caSecret].flatMap((name) =>
    name === undefined ? [] : `${namespace}/${name}`,
  );
  return [...new Set(names)];
}

/** Finds the secrets that a shard of a namespace names; only those of its own namespace are within its reach. */
export function findShardSecrets(
  secrets: Pick<Secrets, "get">,
  namespace: string,
  spec: Shard["spec"],
): ShardSecretsFound {
  const { clientSecret, caSecret } = spec.tls ?? {};
  const missing: string[] = [];
  const find = <K extends "client" | "ca">(name: string | undefined, part: K, files: string) => {
    if (name === undefined) return undefined;
    const found = secrets.get(`${namespace}/${name}`)?.[part];
    if (!found) missing.push(`secret ${namespace}/${name} (${files}) is not among the secrets of this xds-server`);
    return found;
  };
  const client = find(clientSecret, "client", "tls.crt, tls.key");
  const ca = find(caSecret, "ca", "ca.crt");
  return { secrets: { ...(client ? { client } : {}), ...(ca ? { ca } : {}) }, missing };
}
