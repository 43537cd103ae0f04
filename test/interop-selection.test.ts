import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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

const interop = (path: string) => fileURLToPath(new URL(`./interop/${path}`, import.meta.url));

/** The programs, the same in each language: what each prints a line for, and a change of golden vectors that it has to notice. */
const programs = [
  {
    program: "allocation",
    holds: ["hashes", "splits", "audience"],
    change: ["splits.json", '"salt": "', '"salt": "x'],
  },
  { program: "conditions", holds: ["conditions"], change: ["conditions.json", '"matches": true', '"matches": false'] },
  { program: "experiments", holds: ["experiments"], change: ["experiments.json", '"iteration": 1', '"iteration": 2'] },
  { program: "decisions", holds: ["decisions"], change: ["decisions.json", '"reason": "rule"', '"reason": "default"'] },
] as const;

const languages = [
  {
    language: "Python, with mmh3 and semver",
    missing: pythonMissingReason(),
    folder: interop("selection-python"),
    sourceOf: (program: string) => `${program}.py`,
    // Isolated, so that no program can import another.
    commandOf: async (source: string) => [pythonWithPackages(), "-I", source],
  },
  {
    language: "Go, with twmb/murmur3 and x/mod/semver",
    missing: goMissingReason(),
    folder: interop("selection-go"),
    sourceOf: (program: string) => `${program}/main.go`,
    commandOf: async (source: string) => [await buildGo(dirname(source))],
  },
] as const;

describe.each(languages)("selection in $language", ({ language, missing, folder, sourceOf, commandOf }) => {
  if (missing) console.warn(`${missing}: skipping the golden vectors in ${language}`);

  const run = async (program: string, vectorsFolder: string) => {
    const [file = "", ...args] = await commandOf(join(folder, sourceOf(program)));
    const { status, stdout, stderr } = spawnSync(file, [...args, vectorsFolder], { encoding: "utf8" });
    return { status, output: stdout + stderr };
  };

  test("is a program of one file for each kind of vectors, each under 150 lines", () => {
    const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
      /\.(py|go)$/.test(file),
    );
    expect(sources.sort()).toEqual(programs.map(({ program }) => sourceOf(program)).sort());
    for (const source of sources) {
      const lines = readFileSync(join(folder, source), "utf8").trimEnd().split("\n");
      expect(lines.length, source).toBeLessThan(150);
      expect(Math.max(...lines.map(({ length }) => length)), `the longest line of ${source}`).toBeLessThanOrEqual(130);
    }
  });

  describe.skipIf(missing).each(programs)("$program", { timeout: 300_000 }, ({ program, holds, change }) => {
    test("holds all golden vectors", async () => {
      const { status, output } = await run(program, vectors);
      expect(output.trim().split("\n")).toEqual(
        holds.map((name) => expect.stringMatching(`^${name}: ([1-9]\\d*) of \\1 vectors hold$`)),
      );
      expect(status).toBe(0);
    });

    test("names a vector that disagrees, and fails", async () => {
      const copy = mkdtempSync(join(tmpdir(), "signalbox-vectors-"));
      onTestFinished(() => rmSync(copy, { recursive: true }));
      cpSync(vectors, copy, { recursive: true });
      const [name, was, becomes] = change;
      const file = join(copy, name);
      writeFileSync(file, readFileSync(file, "utf8").replace(was, becomes));
      const { status, output } = await run(program, copy);
      expect(output).toMatch(/: (\d+) of (?!\1)\d+ vectors hold/);
      expect(output).toContain("disagrees on");
      expect(status).toBe(1);
    });
  });
});
