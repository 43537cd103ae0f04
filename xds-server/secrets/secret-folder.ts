import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../service/errors.ts";
import type { Logger } from "../../service/logger.ts";
import { type FileContents, watchFiles } from "../../service/watched-files.ts";
import { parseSecret, type Secret, type SecretFiles, secretFiles } from "./secret.ts";

/** The secrets that this process has. */
export type Secrets = {
  /** By `<namespace>/<name>`; undefined when it is not there, or never was good. */
  get(name: string): Secret | undefined;
  /** Calls `listener` after a change, with the names of the secrets that are new or have another content. */
  onChange(listener: (names: ReadonlySet<string>) => void): void;
  /** Secrets that are not usable, or gone; their last good content is in use, where there was one. */
  failing(): number;
  /** When the first of the certificates expires; undefined without one. */
  firstExpiry(): Date | undefined;
  stop(): void;
};

export const noSecrets: Secrets = {
  get: () => undefined,
  onChange: () => undefined,
  failing: () => 0,
  firstExpiry: () => undefined,
  stop: () => undefined,
};

/**
 * Follows a folder of secrets, `<folder>/<namespace>/<name>/` with `tls.crt`, `tls.key`, `ca.crt`: what a mounted Kubernetes
 * secret looks like. One that is not usable, or goes, is logged, and its last good content stays; the others go on.
 * Throws at the start when the folder cannot be read.
 */
export async function watchSecretFolder(folder: string, logger: Logger, intervalMs?: number): Promise<Secrets> {
  const good = new Map<string, Secret>();
  const problems = new Map<string, string>();
  const listeners: ((names: ReadonlySet<string>) => void)[] = [];

  const report = (name: string, problem: string | null) => {
    if (problem === null) {
      if (problems.delete(name)) logger.info({ secret: name }, "the secret is good again");
    } else if (problems.get(name) !== problem) {
      problems.set(name, problem);
      logger.error({ secret: name, reason: problem }, "the secret cannot be used; its last good content stays");
    }
  };

  const take = (contents: FileContents): ReadonlySet<string> => {
    const changed = new Set<string>();
    const found = bySecret(contents);
    for (const [name, files] of found) {
      try {
        const secret = parseSecret(files);
        if (good.get(name)?.version !== secret.version) changed.add(name);
        good.set(name, secret);
        report(name, null);
      } catch (error) {
        report(name, messageOf(error));
      }
    }
    for (const name of good.keys()) if (!found.has(name)) report(name, "is gone");
    return changed;
  };

  const watched = await watchFiles({
    read: () => readSecrets(folder),
    parse: take,
    onChange: (names) => {
      if (names.size > 0) logger.info({ secrets: [...names].sort() }, "secrets changed");
      for (const listener of listeners) listener(names);
    },
    onProblem: (problem) => report(folder, problem),
    ...(intervalMs === undefined ? {} : { intervalMs }),
  });
  return {
    get: (name) => good.get(name),
    onChange: (listener) => void listeners.push(listener),
    failing: () => problems.size,
    firstExpiry: () =>
      [...good.values()].flatMap(({ expiresAt }) => expiresAt ?? []).sort((a, b) => a.getTime() - b.getTime())[0],
    stop: watched.stop,
  };
}

/** `<namespace>/<name>/<file>` -> content. */
async function readSecrets(folder: string): Promise<FileContents> {
  const contents = new Map<string, Buffer>();
  for (const namespace of await foldersIn(folder)) {
    for (const name of await foldersIn(join(folder, namespace))) {
      for (const file of Object.values(secretFiles)) {
        const content = await readIfThere(join(folder, namespace, name, file));
        if (content) contents.set(`${namespace}/${name}/${file}`, content);
      }
    }
  }
  return contents;
}

/** Also links to folders; what begins with a dot is how Kubernetes keeps its versions. */
async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.name.startsWith(".") && (entry.isDirectory() || entry.isSymbolicLink()))
    .map((entry) => entry.name)
    .sort();
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function bySecret(contents: FileContents): Map<string, SecretFiles> {
  const secrets = new Map<string, Map<string, Buffer>>();
  for (const [path, content] of contents) {
    const [namespace = "", name = "", file = ""] = path.split("/");
    const key = `${namespace}/${name}`;
    const files = secrets.get(key) ?? new Map<string, Buffer>();
    secrets.set(key, files.set(file, content));
  }
  return secrets;
}
