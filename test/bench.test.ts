import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { projectFolder } from "../setup/paths.js";

const folder = join(projectFolder, "bench");
const benchmarks = readdirSync(folder).filter((name) => existsSync(join(folder, name, "bench.ts")));

function bench(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "main.ts"), ...words], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("npm run bench", () => {
  test("names every benchmark when asked for help, and runs none", () => {
    const help = bench("--help");
    expect(help).toMatchObject({ status: 0, stderr: "" });
    expect(help.stdout).toContain(`one or more of: ${benchmarks.join(", ")}\n`);
    expect(bench("data-plane", "-h")).toEqual(help);
  });

  test("refuses a name that is none, with those that there are, and runs none of the others", () => {
    const refused = bench("data-plane", "data-plain");
    expect(refused).toMatchObject({ status: 2, stdout: "" });
    expect(refused.stderr).toContain(`No benchmark is called data-plain. There are: ${benchmarks.join(", ")};`);
  });
});
