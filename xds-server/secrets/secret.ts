import { createHash } from "node:crypto";
import { checkPair, parseCertificate } from "../../service/tls-files.ts";

/** The files of a secret, named as Kubernetes names those of a TLS secret. */
export const secretFiles = { certificate: "tls.crt", key: "tls.key", ca: "ca.crt" } as const;

/** PEM texts by file name. */
export type SecretFiles = ReadonlyMap<string, Buffer>;

/** A client certificate with its key, or authorities, or both. */
export type Secret = {
  readonly client?: { readonly certificate: Buffer; readonly key: Buffer };
  readonly ca?: Buffer;
  /** When the certificate expires. */
  readonly expiresAt?: Date;
  /** Changes with the content. */
  readonly version: string;
};

/** Reads a secret; throws when it is not usable, with the file at fault. Nothing of a key is in the message. */
export function parseSecret(files: SecretFiles): Secret {
  const certificate = files.get(secretFiles.certificate);
  const key = files.get(secretFiles.key);
  const ca = files.get(secretFiles.ca);
  if (certificate === undefined && key === undefined && ca === undefined) {
    throw new Error(`has none of ${Object.values(secretFiles).join(", ")}`);
  }
  if ((certificate === undefined) !== (key === undefined)) {
    const [there, missing] = certificate ? (["certificate", "key"] as const) : (["key", "certificate"] as const);
    throw new Error(`has ${secretFiles[there]} and not ${secretFiles[missing]}`);
  }
  if (ca !== undefined) parseCertificate(ca, secretFiles.ca);
  const version = versionOf(files);
  const authorities = ca === undefined ? {} : { ca };
  if (certificate === undefined || key === undefined) return { ...authorities, version };
  const expiresAt = checkPair({ cert: certificate, certName: secretFiles.certificate, key, keyName: secretFiles.key });
  return { client: { certificate, key }, ...authorities, expiresAt, version };
}

function versionOf(files: SecretFiles): string {
  const hash = createHash("sha256");
  for (const name of Object.values(secretFiles)) {
    const content = files.get(name);
    hash.update(`${content?.length ?? -1} `).update(content ?? "");
  }
  return hash.digest("base64url");
}
