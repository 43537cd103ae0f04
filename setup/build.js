// Makes dist/: what is exported to other packages (`signalbox/config`, `signalbox/client`, `signalbox/openfeature`) as plain
// JavaScript with declarations, for Node >= 20, Bun and Deno, which do not run the TypeScript of a package. Run by set-up, by
// `npm run build` and before the package is packed. `--if-older` does nothing when no source has changed since.

import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { projectFolder } from "./paths.js";

const dist = join(projectFolder, "dist");
const stamp = join(dist, "built");
/** What the exports reach. */
const folders = ["cells", "client", "config", "rollout", "selection", "service", "proto/gen/signalbox"];
/** JavaScript with declarations already; copied as it is. */
const generated = [
  "proto/gen/signalbox/resolver/v1/resolver_pb.js",
  "proto/gen/signalbox/resolver/v1/resolver_pb.d.ts",
];

const isWanted = !process.argv.includes("--if-older") || isOlder();
if (isWanted) build();

function isOlder() {
  if (!existsSync(stamp)) return true;
  const builtAt = statSync(stamp).mtimeMs;
  const files = ["package-lock.json", "tsconfig.build.json", "setup/build.js", ...folders.flatMap(sourcesIn)];
  return files.some((file) => statSync(join(projectFolder, file)).mtimeMs > builtAt);
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function sourcesIn(folder) {
  return readdirSync(join(projectFolder, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js)$/.test(entry.name) && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(projectFolder.length + 1));
}

/** Beside, then renamed: whoever is reading dist/ meets the old or the new one. */
function build() {
  const fresh = `${dist}.${process.pid}.partial`;
  const startedAt = new Date();
  try {
    const args = [join("node_modules", "typescript", "lib", "tsc.js"), "-p", "tsconfig.build.json", "--outDir", fresh];
    const { status } = spawnSync(process.execPath, args, { cwd: projectFolder, stdio: "inherit" });
    if (status !== 0) throw new Error("the sources do not compile (tsc's messages are above)");
    for (const file of generated) {
      mkdirSync(dirname(join(fresh, file)), { recursive: true });
      cpSync(join(projectFolder, file), join(fresh, file));
    }
    for (const file of declarationsIn(fresh)) rewriteImports(file);
    // As old as what was read: a source that changed meanwhile is newer.
    writeFileSync(join(fresh, "built"), startedAt.toISOString());
    utimesSync(join(fresh, "built"), startedAt, startedAt);
    const previous = `${fresh}.previous`;
    if (existsSync(dist)) renameSync(dist, previous);
    renameSync(fresh, dist);
    rmSync(previous, { recursive: true, force: true });
  } catch (error) {
    console.error(`build: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function declarationsIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".d.ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/**
 * tsc rewrites `./x.ts` to `./x.js` in the code, and leaves the declarations.
 * @param {string} file
 */
function rewriteImports(file) {
  const text = readFileSync(file, "utf8");
  const rewritten = text.replace(/((?:from|import\()\s*"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"');
  if (rewritten !== text) writeFileSync(file, rewritten);
}
