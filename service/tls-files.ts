import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { messageOf } from "./errors.ts";
import type { FileContents } from "./watched-files.ts";

/** Paths of PEM files. */
export type TlsFiles = {
  /** The certificate, its own first, and those between it and the authority. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The authorities whose clients are let in. Without it, a client needs no certificate. */
  readonly clientCaFile?: string | undefined;
};

/** What a server needs for TLS, checked. */
export type TlsMaterial = {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
  readonly expiresAt: Date;
};

/** Reads the certificate, its key and the authorities from the contents of {@link tlsPaths}; throws with the file at fault. */
export function parseTls(files: TlsFiles, contents: FileContents): TlsMaterial {
  const content = (path: string) => contents.get(path) ?? Buffer.alloc(0);
  const [cert, key] = [content(files.certFile), content(files.keyFile)];
  const expiresAt = checkPair({ cert, certName: files.certFile, key, keyName: files.keyFile });
  if (files.clientCaFile === undefined) return { cert, key, clientCa: undefined, expiresAt };
  const clientCa = content(files.clientCaFile);
  parseCertificate(clientCa, files.clientCaFile);
  return { cert, key, clientCa, expiresAt };
}

export function tlsPaths({ certFile, keyFile, clientCaFile }: TlsFiles): string[] {
  return [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
}

/**
 * Checks that a PEM certificate and a PEM key belong together; gives when the certificate expires. Throws with the name of
 * what is at fault; nothing of a key is in the message.
 */
export function checkPair(pair: { cert: Buffer; certName: string; key: Buffer; keyName: string }): Date {
  const certificate = parseCertificate(pair.cert, pair.certName);
  const key = parseKey(pair.key, pair.keyName);
  if (!certificate.checkPrivateKey(key)) {
    throw new Error(`${pair.keyName} is not the key of the certificate in ${pair.certName}`);
  }
  try {
    createSecureContext({ cert: pair.cert, key: pair.key });
  } catch (error) {
    throw new Error(`${pair.certName} cannot be used with ${pair.keyName}: ${messageOf(error)}`);
  }
  return certificate.validToDate;
}

/** The first certificate of a PEM text; throws when there is none. */
export function parseCertificate(pem: Buffer, name: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error(`${name} holds no PEM certificate: ${messageOf(error)}`);
  }
}

function parseKey(pem: Buffer, name: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(`${name} holds no PEM private key without a passphrase: ${messageOf(error)}`);
  }
}
