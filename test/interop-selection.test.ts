import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { toolsFolder } from "../setup/paths.js";
import { buildGo, goMissingReason } from "./support/go.ts";

const vectors = fileURLToPath(new URL("../selection/vectors", import.meta.url));
const packages = ["mmh3==5.3.1", "semver==3.0.4"];

/** A Python with the packages, installed into the tools folder at first use. */
function pythonWithPackages(): string {
  const folder = join(toolsFolder, `python-${packages.join("-")}`);
  const python = join(folder, "bin", "python");
  if (existsSync(join(folder, "installed"))) return python;
  execFileSync("python3", ["-m", "venv", folder], { stdio: "pipe" });
  const options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
  execFileSync(python, ["-m", "pip", "install", ...options, ...packages], { stdio: "pipe" });
  writeFileSync(join(folder, "installed"), "");
  return python;
}

function pythonMissingReason(): string | null {
  const reason =
    spawnSync("python3", ["-m", "venv", "--help"]).status === 0 ? null : "python3 with venv is not installed";
  if (reason && process.env.CI) throw new Error(reason);
  return reason;
}

const program = (folder: string) => fileURLToPath(new URL(`./interop/${folder}`, import.meta.url));
const languages = [
  {
    language: "Python, with mmh3 and semver",
    missing: pythonMissingReason(),
    command: async () => [pythonWithPackages(), join(program("selection-python"), "vectors.py")],
  },
  {
    language: "Go, with twmb/murmur3 and x/mod/semver",
    missing: goMissingReason(),
    command: async () => [await buildGo(program("selection-go"))],
  },
] as const;

describe.each(languages)("selection in $language", ({ language, missing, command }) => {
  if (missing) console.warn(`${missing}: skipping the golden vectors in ${language}`);

  const run = async (folder: string) => {
    const [file = "", ...args] = await command();
    const { status, stdout, stderr } = spawnSync(file, [...args, folder], { encoding: "utf8" });
    return { status, output: stdout + stderr };
  };

  test.skipIf(missing)("holds all golden vectors", { timeout: 300_000 }, async () => {
    const { status, output } = await run(vectors);
    expect(output.trim().split("\n")).toEqual(
      ["hashes", "splits", "conditions", "experiments", "audience", "decisions"].map((file) =>
        expect.stringMatching(`^${file}: ([1-9]\\d*) of \\1 vectors hold$`),
      ),
    );
    expect(status).toBe(0);
  });

  test.skipIf(missing)("names a vector that disagrees, and fails", { timeout: 300_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "signalbox-vectors-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    cpSync(vectors, folder, { recursive: true });
    const file = join(folder, "experiments.json");
    const changed = JSON.parse(readFileSync(file, "utf8"));
    changed.runs[0].outcomes[5] = changed.runs[0].outcomes[5] === "control" ? "treatment" : "control";
    writeFileSync(file, JSON.stringify(changed));
    const { status, output } = await run(folder);
    expect(output).toMatch(/experiments: (\d+) of (?!\1)\d+ vectors hold/);
    expect(output).toContain("disagrees on");
    expect(status).toBe(1);
  });
});
