import { execFile, execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { toolsFolder } from "../../setup/paths.js";

/** The oldest Go that builds the programs of this checkout: what their `go.mod` files say. */
const oldestGo = "1.25";

/** Why Go programs cannot be built on this machine, for a skipped test; null when they can. In CI Go may not be missing. */
export function goMissingReason(): string | null {
  const { error, stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  const reason = error ? "go is not installed" : tooOld(stdout.trim());
  if (reason && process.env.CI) throw new Error(reason);
  return reason;
}

function tooOld(version: string): string | null {
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  const [oldestMajor, oldestMinor] = oldestGo.split(".").map(Number) as [number, number];
  const isOld = Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor);
  return isOld ? `go is ${version}, older than ${oldestGo}` : null;
}

/**
 * Builds the Go program in a folder (with its own `go.mod`, or a package of the module above it) and answers with the binary.
 * It is kept in the tools folder under a hash of the module's sources, so that it is built once; the first time takes a
 * minute or more. Rejects with Go's own message when it cannot be built; modules come from the Go module proxy.
 */
export async function buildGo(folder: string): Promise<string> {
  const module = execFileSync("go", ["env", "GOMOD"], { cwd: folder, encoding: "utf8" }).trim();
  const target = join(toolsFolder, "go", `${basename(folder)}-${hashOf(join(module, ".."))}`);
  if (existsSync(target)) return target;
  mkdirSync(join(toolsFolder, "go"), { recursive: true });
  const partial = `${target}.${process.pid}.partial`;
  await promisify(execFile)("go", ["build", "-trimpath", "-buildvcs=false", "-o", partial, "."], { cwd: folder });
  renameSync(partial, target);
  return target;
}

function hashOf(folder: string): string {
  const hash = createHash("sha256").update(execFileSync("go", ["version"]));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.(go|mod|sum)$/.test(file),
  );
  for (const file of files.sort()) hash.update(`${file}\0`).update(readFileSync(join(folder, file)));
  return hash.digest("hex").slice(0, 12);
}
