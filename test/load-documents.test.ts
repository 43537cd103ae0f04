import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { loadFiles, problemsOfLoaded } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { temporaryFolder } from "./support/processes.ts";
import { writtenModel, writtenObjective, writtenShard } from "./support/written-documents.ts";

const configPackage = new URL("../config/index.ts", import.meta.url).href;

/** Writes files into a new folder and gives its path. */
function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

async function load(folder: string, ...paths: readonly string[]) {
  const loaded = await loadFiles(paths.map((path) => join(folder, path)));
  const relative = (text: string) => text.replaceAll(`${folder}/`, "").replaceAll(folder, "FOLDER");
  return {
    names: loaded.documents.map(({ document }) => document.metadata.name),
    problems: problemsOfLoaded(loaded).map((problem) => relative(formatProblem(problem))),
    skipped: loaded.skipped.map(relative),
  };
}

const shard = JSON.stringify(writtenShard("gpu-a"));
const model = JSON.stringify(writtenModel("ranker", ["7"], "gpu-a"));
const objective = JSON.stringify(writtenObjective("home", "ranker", "7"));

/** The same in a Node process of its own: Vitest runs imported modules in its own way. */
async function loadInNode(folder: string, ...paths: readonly string[]): Promise<string[]> {
  const script = `
    import { loadFiles, problemsOfLoaded } from ${JSON.stringify(new URL("../config/load.ts", import.meta.url).href)};
    import { formatProblem } from ${JSON.stringify(configPackage)};
    for (const path of process.argv.slice(1)) {
      const loaded = await loadFiles([path]);
      for (const { document } of loaded.documents) console.log(document.metadata.name);
      for (const problem of loaded.problems) console.log(formatProblem(problem));
    }`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, ...paths], {
    cwd: folder,
  });
  return stdout.trim().split("\n");
}

test("a folder is read with its sub-folders, in the order of names, without what holds no document", async () => {
  const folder = folderWith({
    "b.yaml": objective,
    "a/shards.yml": `${shard}\n---\n${JSON.stringify(writtenShard("gpu-b"))}\n`,
    "c.json": model,
    "request.json": '{"inputs": [[1, 2]]}',
    "weights.json": '{"kind": "regression"}',
    "readme.md": "# kind",
    ".hidden.yaml": "broken: [",
    "node_modules/x/y.yaml": "broken: [",
    "helper.ts": "throw new Error('must not run');",
  });
  expect(await load(folder, ".")).toEqual({
    names: ["gpu-a", "gpu-b", "home", "ranker"],
    problems: [],
    skipped: ["request.json", "weights.json"],
  });
});

test("a folder without any document is a problem, and so is a path that leads nowhere", async () => {
  const folder = folderWith({ "empty/request.json": "{}" });
  expect((await load(folder, "empty", "none.yaml")).problems).toEqual([
    "empty: has no file with a document in it",
    "none.yaml: there is no such file or folder",
  ]);
});

test("a file that is named must hold a document", async () => {
  const folder = folderWith({ "request.json": '{"inputs": []}', "empty.yaml": "" });
  expect((await load(folder, "request.json", "empty.yaml")).problems).toEqual([
    "request.json:1: document 1: kind: is missing; it must be one of Shard, Model, Audience, Objective, Holdout, Experiment, Pin",
    "empty.yaml: holds no document; a document has apiVersion, kind, metadata and spec",
  ]);
});

test("every problem of every file is told in one go, each with its file", async () => {
  const folder = folderWith({
    "1-malformed.yaml": "apiVersion: [\n",
    "2-wrong-kind.yaml": shard.replace("Shard", "Shrad"),
    "3-wrong-version.yaml": shard.replace("/v1", "/v0"),
    "4-dangling.yaml": objective,
    "5-twice.yaml": `${shard}\n---\n${shard}\n`,
    "6-latin1.yaml": new Uint8Array([0x61, 0x3a, 0x20, 0xe9]),
    "7-cycle.yaml": "kind: &a [*a]\n",
  });
  const files = ["1-malformed", "2-wrong-kind", "3-wrong-version", "4-dangling", "5-twice", "6-latin1", "7-cycle"];
  expect((await load(folder, ...files.map((name) => `${name}.yaml`))).problems).toEqual([
    expect.stringMatching(/^1-malformed\.yaml:\d: document 1: /),
    '2-wrong-kind.yaml:1: Shrad default/gpu-a: kind: must be one of Shard, Model, Audience, Objective, Holdout, Experiment, Pin, found the string "Shrad"; did you mean Shard?',
    '3-wrong-version.yaml:1: Shard default/gpu-a: apiVersion: must be "signalbox.dev/v1", found the string "signalbox.dev/v0"',
    "6-latin1.yaml: is not UTF-8 text; save it as UTF-8",
    "7-cycle.yaml:1: document 1: the alias *a stands inside what it names, which never ends",
    "5-twice.yaml:3: Shard default/gpu-a: metadata.name: Shard default/gpu-a is there twice; keep one, or rename one",
    "3-wrong-version.yaml:1: Shard default/gpu-a: metadata.name: Shard default/gpu-a is there twice (the other is in 5-twice.yaml); keep one, or rename one",
    '4-dangling.yaml:1: Objective default/home: spec.default.model: there is no model "ranker" in namespace default; namespace default has none yet',
  ]);
});

test("- reads the standard input", async () => {
  const loaded = await loadFiles(["-"], { readStandardInput: async () => `${shard}\n---\n${model}\n` });
  expect(loaded.documents.map(({ file, document }) => `${file} ${document.metadata.name}`)).toEqual([
    "stdin gpu-a",
    "stdin ranker",
  ]);
});

test("a TypeScript module gives what it exports: by default, by name, and in lists", async () => {
  const folder = folderWith({
    "all.signalbox.ts": `
      import { defineModel, defineObjective, defineShard } from ${JSON.stringify(configPackage)};
      type Country = "US" | "CA";
      const countries: Country[] = ["US", "CA"];
      export const shard = defineShard({ metadata: { name: "gpu-a" }, spec: { dns: { hostname: "a", port: 80 } } });
      export const model = defineModel({
        metadata: { name: "ranker" },
        spec: { versions: [{ version: "7", placement: [{ shard: "gpu-a" }] }] },
      });
      export const helper = (country: Country) => country.toLowerCase();
      export default countries.map((country) =>
        defineObjective({ metadata: { name: helper(country) }, spec: { default: { model: "ranker", version: "7" } } }),
      );
    `,
  });
  const all = ["us", "ca", "ranker", "gpu-a"];
  expect(await loadInNode(folder, "all.signalbox.ts", ".")).toEqual([...all, ...all]);
});

test("a module that fails, defines something bad or exports nothing is a problem with its reason", async () => {
  const folder = folderWith({
    "throws.ts": "throw new RangeError('no such shard');",
    "syntax.ts": "export default {",
    "bad.ts": `
      import { defineShard } from ${JSON.stringify(configPackage)};
      export default defineShard({ metadata: { name: "Bad" }, spec: {} });
    `,
    "plain.mjs": `export default { ...${shard}, kind: "Shrad" };`,
    "nothing.ts": "export const answer = 42;",
  });
  expect(await loadInNode(folder, "throws.ts", "syntax.ts", "bad.ts", "plain.mjs", "nothing.ts")).toEqual([
    "throws.ts: cannot be run: RangeError: no such shard",
    expect.stringMatching(/^syntax\.ts: cannot be run: SyntaxError: /),
    expect.stringMatching(/^bad\.ts: Shard default\/Bad: metadata\.name: must be lower-case/),
    "bad.ts: Shard default/Bad: spec: must have exactly one of endpoints and dns",
    expect.stringMatching(/^plain\.mjs: Shrad default\/gpu-a: kind: must be one of/),
    "nothing.ts: exports no document; export what defineObjective, defineModel or defineShard returns",
  ]);
});

test("a module that changed is run anew in a process that goes on", async () => {
  const folder = folderWith({ "a.mjs": `export default ${shard};` });
  expect((await load(folder, "a.mjs")).names).toEqual(["gpu-a"]);
  writeFileSync(join(folder, "a.mjs"), `export default ${shard.replace("gpu-a", "gpu-z")};`);
  utimesSync(join(folder, "a.mjs"), 1, 1);
  expect((await load(folder, "a.mjs")).names).toEqual(["gpu-z"]);
});

test("a folder that links to itself is read once", async () => {
  const folder = folderWith({ "a.yaml": shard });
  symlinkSync(folder, join(folder, "loop"));
  expect((await load(folder, ".")).names).toEqual(["gpu-a"]);
});
