import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { projectFolder } from "../setup/paths.js";
import { makeTemporaryFolder } from "./support/processes.ts";
import { atPortsOf, upForFile } from "./support/up.ts";

/** The commands of every `sh` block, one a line, in order. */
const commands = [...readFileSync(join(projectFolder, "README.md"), "utf8").matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .flatMap((block) => (block[1] ?? "").split("\n"))
  .filter(Boolean);
/** Those that start or test the whole project: other tests run what they run. */
const scripts = commands.filter((command) => /^npm /.test(command));

const up = upForFile(makeTemporaryFolder());

/** Runs a command of the README in a shell, against this test's own ports. */
function run(command: string): { status: number | null; output: string } {
  const result = spawnSync("bash", ["-c", atPortsOf(up.environment, command)], {
    cwd: projectFolder,
    env: { ...process.env, ...up.environment, NATS_URL: "", NO_COLOR: "1" },
    encoding: "utf8",
  });
  return { status: result.status, output: result.stdout + result.stderr };
}

describe("the README", () => {
  test("starts with the two commands, and both exist", () => {
    expect(scripts).toEqual(["npm start", "npm test"]);
    const { scripts: known } = JSON.parse(readFileSync(join(projectFolder, "package.json"), "utf8"));
    expect(Object.keys(known)).toEqual(expect.arrayContaining(["start", "test", "check", "bench"]));
  });

  test("has no command that fails, from the first to the last", () => {
    const tour = commands.filter((command) => !scripts.includes(command));
    expect(tour.length).toBeGreaterThan(9);
    const outputs = new Map<string, string>();
    for (const command of tour) {
      const { status, output } = run(command);
      expect(status, `${command}\n${output}`).toBe(0);
      outputs.set(command, output);
    }
    const outputOf = (part: string) => [...outputs].find(([command]) => command.includes(part))?.[1] ?? "";
    expect(outputOf("resolve quickstart")).toContain("default/quickstart/digits@");
    expect(outputOf("infer quickstart")).toContain('"predict"');
    expect(outputOf(":10000/infer")).toMatch(/x-signalbox-model: digits@7/);
    expect(outputOf("shift")).toContain("90 -> 50");
    const [, , ...counts] = /(\d+) "version":"7"\s+(\d+) "version":"8"/.exec(outputOf("seq 100")) ?? [];
    expect(counts.length, outputOf("seq 100")).toBe(1);
    expect(Number(counts[0])).toBeGreaterThan(25);
    expect(outputOf("status")).toContain("xds-server");
    expect(outputOf("rollback")).toContain("50 -> 90");
  });

  test("links only to files that exist", () => {
    const text = readFileSync(join(projectFolder, "README.md"), "utf8");
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] ?? "");
    expect(links.length).toBeGreaterThan(5);
    for (const link of links.filter((each) => !each.startsWith("http"))) {
      expect(() => readFileSync(join(projectFolder, link), { flag: "r" }), link).not.toThrow(/ENOENT/);
    }
  });
});
