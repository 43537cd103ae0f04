import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectFolder } from "../../setup/paths.js";

/** The TypeScript files of a folder of the project, without tests. */
export function sourcesUnder(folder: string): { readonly file: string; readonly text: string }[] {
  const list = ["ls-files", "-co", "--exclude-standard", `${folder}/*.ts`];
  const { stdout } = spawnSync("git", list, { cwd: projectFolder, encoding: "utf8" });
  return stdout
    .split("\n")
    .filter((file) => file !== "" && !file.endsWith(".test.ts") && existsSync(join(projectFolder, file)))
    .map((file) => ({ file, text: readFileSync(join(projectFolder, file), "utf8") }));
}
