import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { toolsFolder } from "../setup/paths.js";
import { buildGo, goMissingReason } from "./support/go.ts";

const vectors = fileURLToPath(new URL("../selection/vectors", import.meta.url));
const mmh3 = "5.3.1";

/** A Python with the package mmh3, installed into the tools folder at first use. */
function pythonWithMurmur(): string {
  const folder = join(toolsFolder, `mmh3-python-${mmh3}`);
  const python = join(folder, "bin", "python");
  if (existsSync(join(folder, "installed"))) return python;
  execFileSync("python3", ["-m", "venv", folder], { stdio: "pipe" });
  const options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
  execFileSync(python, ["-m", "pip", "install", ...options, `mmh3==${mmh3}`], { stdio: "pipe" });
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
    language: "Python, with mmh3",
    missing: pythonMissingReason(),
    command: async () => [pythonWithMurmur(), join(program("selection-python"), "vectors.py")],
  },
  {
    language: "Go, with twmb/murmur3",
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

  test.skipIf(missing)("holds all golden vectors, but for version ranges", { timeout: 300_000 }, async () => {
    const { status, output } = await run(vectors);
    expect(output.trim().split("\n")).toEqual(
      ["hashes", "splits", "conditions", "experiments", "audience", "decisions"].map((file) =>
        expect.stringMatching(`^${file}: ([1-9]\\d*) of \\1 vectors hold, ${file === "conditions" ? 20 : 0} left out$`),
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
