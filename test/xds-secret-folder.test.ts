import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createLogger } from "../service/logger.ts";
import { type Secrets, watchSecretFolder } from "../xds-server/secrets/secret-folder.ts";
import { makeAuthority } from "./support/certificates.ts";
import { makeTemporaryFolder } from "./support/processes.ts";

let work: string;
let certificate: Pair;
let another: Pair;

type Pair = { readonly "tls.crt": Buffer; readonly "tls.key": Buffer };

beforeAll(() => {
  work = makeTemporaryFolder();
  const authority = makeAuthority(work);
  const makePair = (name: string): Pair => {
    const { certFile, keyFile } = authority.issue(name, {});
    return { "tls.crt": readFileSync(certFile), "tls.key": readFileSync(keyFile) };
  };
  [certificate, another] = [makePair("one"), makePair("another")];
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

function write(folder: string, name: string, files: Readonly<Record<string, Buffer | string>>): void {
  mkdirSync(join(folder, name), { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, name, file), content);
}

/** Secrets of a folder of the test's own, and what they log. */
async function watchForTest(folder: string) {
  const lines: string[] = [];
  const logger = createLogger({ name: "test", level: "info", destination: { write: (line) => void lines.push(line) } });
  const secrets = await watchSecretFolder(folder, logger, 10);
  const changed: string[] = [];
  secrets.onChange((names) => changed.push(...names));
  onTestFinished(() => secrets.stop());
  return { secrets, lines, changed };
}

const newFolder = () => mkdtempSync(join(work, "folder-"));
const soon = (probe: () => void) => vi.waitFor(probe, { timeout: 10_000, interval: 10 });
const clientOf = (secrets: Secrets, name: string) => secrets.get(name)?.client?.certificate.toString();

describe("a folder of secrets", () => {
  test("holds certificates with keys, authorities, or both, by namespace", async () => {
    const folder = newFolder();
    write(folder, "a/models", { ...certificate, "ca.crt": another["tls.crt"] });
    write(folder, "b/models", { "ca.crt": certificate["tls.crt"] });
    const { secrets } = await watchForTest(folder);
    expect(clientOf(secrets, "a/models")).toBe(certificate["tls.crt"].toString());
    expect(secrets.get("a/models")?.ca).toEqual(another["tls.crt"]);
    expect([secrets.get("b/models")?.client, secrets.get("b/models")?.ca]).toEqual([undefined, certificate["tls.crt"]]);
    expect(secrets.get("c/models")).toBeUndefined();
    expect(secrets.firstExpiry()?.getTime()).toBeGreaterThan(Date.now());
  });

  test("tells which secrets changed, and of no others", async () => {
    const folder = newFolder();
    write(folder, "a/one", certificate);
    write(folder, "a/two", certificate);
    const { secrets, changed } = await watchForTest(folder);
    write(folder, "a/two", another);
    await soon(() => expect(clientOf(secrets, "a/two")).toBe(another["tls.crt"].toString()));
    expect(new Set(changed)).toEqual(new Set(["a/two"]));
    write(folder, "a/three", { "ca.crt": certificate["tls.crt"] });
    await soon(() => expect(changed).toContain("a/three"));
    expect(changed).not.toContain("a/one");
  });

  test("follows the links that Kubernetes replaces in a mounted secret", async () => {
    const folder = newFolder();
    const mount = join(folder, "a/models");
    for (const [version, pair] of [["..1", certificate] as const, ["..2", another] as const]) {
      write(mount, version, pair);
    }
    symlinkSync("..1", join(mount, "..data"));
    for (const file of ["tls.crt", "tls.key"]) symlinkSync(join("..data", file), join(mount, file));
    const { secrets } = await watchForTest(folder);
    expect(clientOf(secrets, "a/models")).toBe(certificate["tls.crt"].toString());
    symlinkSync("..2", join(mount, "..data_tmp"));
    renameSync(join(mount, "..data_tmp"), join(mount, "..data"));
    await soon(() => expect(clientOf(secrets, "a/models")).toBe(another["tls.crt"].toString()));
  });

  test.each([
    [
      "a key of another certificate",
      () => ({ ...certificate, "tls.key": another["tls.key"] }),
      "is not the key of the certificate",
    ],
    ["a certificate without its key", () => ({ "tls.crt": certificate["tls.crt"] }), "has tls.crt and not tls.key"],
    ["no certificate", () => ({ "ca.crt": "nothing of the kind" }), "ca.crt holds no PEM certificate"],
    ["no key", () => ({ ...certificate, "tls.key": "nothing of the kind" }), "tls.key holds no PEM private key"],
  ])("is not held up by a secret with %s", async (_, files, message) => {
    const folder = newFolder();
    write(folder, "a/bad", files());
    write(folder, "a/good", certificate);
    const { secrets, lines } = await watchForTest(folder);
    expect([secrets.get("a/bad"), secrets.failing()]).toEqual([undefined, 1]);
    expect(clientOf(secrets, "a/good")).toBeDefined();
    expect(lines.join("")).toContain(message);
    expect(lines.join("")).not.toContain("PRIVATE KEY-----");
    rmSync(join(folder, "a/bad"), { recursive: true });
    write(folder, "a/bad", another);
    await soon(() => expect([clientOf(secrets, "a/bad") !== undefined, secrets.failing()]).toEqual([true, 0]));
  });

  test("keeps what was good when a secret goes bad or away", async () => {
    const folder = newFolder();
    write(folder, "a/models", certificate);
    const { secrets, lines } = await watchForTest(folder);
    write(folder, "a/models", { "tls.key": another["tls.key"] });
    await soon(() => expect(secrets.failing()).toBe(1));
    rmSync(join(folder, "a"), { recursive: true });
    await soon(() => expect(lines.join("")).toContain("is gone"));
    expect(clientOf(secrets, "a/models")).toBe(certificate["tls.crt"].toString());
  });

  test("that is not there is an error", async () => {
    await expect(watchForTest(join(work, "nowhere"))).rejects.toThrow("ENOENT");
  });
});
