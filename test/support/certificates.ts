import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate and its key, as PEM files. */
export type Certificate = { readonly certFile: string; readonly keyFile: string };

export type CertificateNames = {
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  readonly ips?: readonly string[];
};

/** An authority of a test. */
export type Authority = {
  /** Its own certificate. */
  readonly caFile: string;
  /** Makes a certificate; `days` may be negative, for one that has expired. */
  issue(name: string, names: CertificateNames, days?: number): Certificate;
};

const elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Makes an authority whose files are in a folder, which the caller deletes. */
export function makeAuthority(folder: string, name = "authority"): Authority {
  const [caFile, caKey] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  openssl(["req", "-x509", "-days", "2", ...elliptic, "-keyout", caKey, "-subj", `/CN=${name}`, "-out", caFile]);
  let issued = 0;
  return {
    caFile,
    issue: (own, { dns = [], uris = [], ips = [] }, days = 2) => {
      const stem = join(folder, `${own}-${++issued}`);
      const [keyFile, certFile] = [`${stem}.key`, `${stem}.pem`];
      const names = [
        ...dns.map((each) => `DNS:${each}`),
        ...uris.map((each) => `URI:${each}`),
        ...ips.map((each) => `IP:${each}`),
      ];
      writeFileSync(`${stem}.ext`, names.length === 0 ? "" : `subjectAltName=${names.join(",")}\n`);
      openssl(["req", "-new", ...elliptic, "-keyout", keyFile, "-subj", `/CN=${own}`, "-out", `${stem}.csr`]);
      const signing = [
        "-CA",
        caFile,
        "-CAkey",
        caKey,
        "-CAcreateserial",
        "-days",
        String(days),
        "-extfile",
        `${stem}.ext`,
      ];
      openssl(["x509", "-req", "-in", `${stem}.csr`, ...signing, "-out", certFile]);
      // In a container, Envoy is somebody else.
      chmodSync(keyFile, 0o644);
      return { certFile, keyFile };
    },
  };
}

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: "pipe" });
}

/** Puts a certificate where another one is: the key first, each file in one step, as a deployment does. */
export function replaceCertificate(old: Certificate, next: Certificate): void {
  for (const file of ["keyFile", "certFile"] as const) replaceFile(old[file], readFileSync(next[file]));
}

/** Gives a file a new content in one step. */
export function replaceFile(path: string, content: string | Buffer): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}
