// Installs MLServer and scikit-learn from PyPI into .signalbox/tools/mlserver, and trains the two models into
// .signalbox/mlserver. Safe to run any number of times; what is there already is not made again. Plain JavaScript for
// Node >= 20, like setup/setup.js, which it runs after on a fresh clone.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { projectFolder } from "../../setup/paths.js";
import { mlserverPaths } from "./paths.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const { virtualEnvironment, python, repositories } = mlserverPaths(projectFolder);

/** A failure whose message names the remedy. */
class SetupError extends Error {}

try {
  onceFor("requirements", virtualEnvironment, ["requirements.txt"], installMlserver);
  onceFor("models", repositories, ["train.py", "../quickstart/train.py", "requirements.txt"], trainModels);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nmlserver set-up: ${error.message}`);
  process.exitCode = 1;
}

function installMlserver() {
  console.log("mlserver set-up: fetching MLServer and scikit-learn from PyPI (about 150 MB, 530 MB unpacked) ...");
  // What MLServer 1.7.1 declares; with a newer Python pip would fall back to a much older MLServer.
  const found = ["python3.12", "python3.11", "python3.10", "python3.9", "python3"].find(isUsable);
  if (!found) {
    throw new SetupError(
      "no Python 3.9 to 3.12 with venv was found: install one (Debian: apt-get install python3 python3-venv).",
    );
  }
  rmSync(virtualEnvironment, { recursive: true, force: true });
  run(found, ["-m", "venv", virtualEnvironment], "the virtual environment could not be made: install python3-venv.");
  run(
    python,
    ["-m", "pip", "install", "--disable-pip-version-check", "-r", join(here, "requirements.txt")],
    "pip failed (its message is above): check the network or pip's index setting, then run the command again.",
  );
}

/** @param {string} command */
function isUsable(command) {
  const code = "import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))";
  return spawnSync(command, ["-c", code]).status === 0;
}

function trainModels() {
  rmSync(repositories, { recursive: true, force: true });
  for (const name of ["a", "b"]) cpSync(join(here, name), join(repositories, name), { recursive: true });
  run(python, [join(here, "train.py"), repositories], "the training failed; its message is above.");
}

/**
 * Does `work` unless it was done for the same contents of `files`: then `folder` holds a stamp that says so.
 * @param {string} name
 * @param {string} folder
 * @param {readonly string[]} files
 * @param {() => void} work
 */
function onceFor(name, folder, files, work) {
  const stamp = join(folder, `.signalbox-${name}`);
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(join(here, file)));
  const wanted = hash.digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  mkdirSync(folder, { recursive: true });
  work();
  writeFileSync(stamp, wanted);
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} remedy
 */
function run(command, args, remedy) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) throw new SetupError(error ? `${error.message}: ${remedy}` : remedy);
}
