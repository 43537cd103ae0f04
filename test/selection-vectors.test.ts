import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const vectors = fileURLToPath(new URL("../selection/vectors", import.meta.url));
const python = spawnSync("python3", ["--version"]).status === 0;
if (!python && process.env.CI)
  throw new Error("python3 is not in PATH: the golden vectors cannot be checked without it");
if (!python) console.warn("python3 is not in PATH: skipping the check of the golden vectors in another language");

function verify(folder: string) {
  const { status, stdout, stderr } = spawnSync("python3", [join(folder, "verify.py")], { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

test.runIf(python)("the golden vectors of hash and split hold in Python, with nothing of ours but the JSON", () => {
  const { status, output } = verify(vectors);
  expect(output).toMatch(/^splits\.json: (\d+) of \1 vectors hold$/m);
  expect(output).toMatch(/^murmur3\.json: (\d+) of \1 vectors hold$/m);
  expect(status).toBe(0);
});

test.runIf(python)("the check in Python names a vector that disagrees and fails", () => {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-vectors-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(vectors, folder, { recursive: true });
  const splits = JSON.parse(readFileSync(join(folder, "splits.json"), "utf8"));
  splits.splits[1].picked[7] = splits.splits[1].picked[7] === "control" ? "treatment" : "control";
  writeFileSync(join(folder, "splits.json"), JSON.stringify(splits));
  const { status, output } = verify(folder);
  expect(status).toBe(1);
  expect(output).toContain("splits.json: disagrees on ('exp-123'");
});
