import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { checkOptions } from "../client/options.ts";
import { projectFolder } from "../setup/paths.js";
import { signalbox } from "./support/command-line.ts";
import { makeTemporaryFolder } from "./support/processes.ts";
import { atPortsOf, upForFile } from "./support/up.ts";

const text = readFileSync(join(projectFolder, "docs/clients.md"), "utf8");
const blocksOf = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map((match) => match[1] ?? "");

const folder = makeTemporaryFolder();
const up = upForFile(folder);

beforeAll(() => {
  execFileSync(process.execPath, [join(projectFolder, "setup/build.js"), "--if-older"]);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(projectFolder, join(folder, "node_modules", "signalbox"));
  for (const scope of ["@grpc", "@openfeature"]) {
    symlinkSync(join(projectFolder, "node_modules", scope), join(folder, "node_modules", scope));
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
});

/** The example against this test's own ports and folders, with time for a busy machine. */
function here(example: string): string {
  return atPortsOf(up.environment, example)
    .replace(".signalbox/shop", join(folder, "shop"))
    .replaceAll("createSignalbox({", "createSignalbox({ timeoutMs: 20000,");
}

/** For a country that no other example names. */
const byCells = {
  apiVersion: "signalbox.dev/v1",
  kind: "Experiment",
  metadata: { name: "quickstart-lab" },
  spec: {
    when: { country: "FR" },
    arms: [{ name: "control" }, { name: "treatment" }],
    targets: [
      {
        objective: "quickstart",
        arms: { control: { model: "digits", version: "7" }, treatment: { model: "digits", version: "8" } },
      },
    ],
    allocation: { by: "cells" },
  },
};

let files = 0;

async function run(language: "sh" | "ts", part: string): Promise<string> {
  const [example = "", ...more] = blocksOf(language).filter((block) => block.includes(part));
  expect([example === "", more], `the ${language} block with ${part}`).toEqual([false, []]);
  const file = join(folder, `example-${files++}.${language}`);
  writeFileSync(file, here(example));
  const [command, args] = language === "ts" ? [process.execPath, [file]] : ["bash", ["-euo", "pipefail", file]];
  const { stdout } = await promisify(execFile)(command, args, { cwd: projectFolder });
  return stdout;
}

describe("the examples of docs/clients.md", () => {
  test("curl", async () => {
    const output = await run("sh", "/v1/resolve");
    expect(output).toContain('"routingKey":"default/quickstart/digits@7"');
    expect(output).toMatch(/x-signalbox-model: digits@7/);
    const [shown = "{}"] = blocksOf("json");
    const { headers: _, revision: __, ...documented } = JSON.parse(shown);
    expect(JSON.parse(output.slice(0, output.indexOf("}HTTP") + 1))).toMatchObject(documented);
  });

  test("TypeScript, remote", async () => {
    const output = await run("ts", 'resolverUrl: ["http');
    expect(output).toMatch(/^default\/quickstart\/digits@7 resolver default\/digits-a \{/);
    expect(output).toContain("predict");
  });

  test("TypeScript, local", async () => {
    const output = await run("ts", "config.parameters)");
    expect(output).toMatch(/^default\/quickstart\/digits@8 objective=default\/quickstart;rule=kiosks;/);
    expect(output).toContain("leastConfidence: 0.7");
  });

  test("TypeScript, local, with cells of an outside platform", async () => {
    const natsUrl = atPortsOf(up.environment, "nats://127.0.0.1:4222");
    const applied = await signalbox(["apply", "-f", "-", "--timeout", "50s"], {
      input: JSON.stringify(byCells),
      environment: { NATS_URL: natsUrl },
    });
    expect(applied).toMatchObject({ code: 0 });
    expect(await run("ts", "cells: ")).toBe("experiment quickstart-lab treatment\n");
  });

  test("gRPC", async () => {
    expect(await run("ts", "interceptor(")).toMatch(/^digits@[78]\n$/);
  });

  test("OpenFeature, in process and by OFREP", async () => {
    expect(await run("ts", "setProviderAndWait")).toBe("default/quickstart/digits@8\n0.7\n");
    const flag = JSON.parse(await run("sh", "/ofrep/v1"));
    expect(flag).toMatchObject({ key: "quickstart.version", value: "8", reason: "TARGETING_MATCH" });
  });

  test("one call", async () => {
    expect(await run("sh", "x-signalbox-objective")).toMatch(/x-signalbox-model: digits@8/);
  });

  test("are no more than these", () => {
    expect([blocksOf("ts").length, blocksOf("sh").length]).toEqual([5, 3]);
  });
});

describe("docs/clients.md", () => {
  const rowsAfter = (heading: string) => {
    const from = text.slice(text.indexOf(heading));
    const table = /\n(\|[\s\S]*?)\n\n/.exec(from)?.[1] ?? "";
    return table.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  };

  test("names every option, with its default", () => {
    const checked = checkOptions({ resolverUrl: "http://a" }) as Record<string, unknown>;
    const table = rowsAfter("| option | default |");
    const documented = new Map(
      table.slice(1).flatMap(([, names = "", value = ""]) => {
        return [...names.matchAll(/`(\w+)`/g)].map((match) => [match[1] ?? "", value.replaceAll("`", "")] as const);
      }),
    );
    const source = readFileSync(join(projectFolder, "client/options.ts"), "utf8");
    const [, type = ""] = /export type SignalboxOptions = \{([\s\S]*?)\n\};/.exec(source) ?? [];
    const options = [...type.matchAll(/^ {2}readonly (\w+)\?/gm)].map((match) => match[1] ?? "");
    expect([...documented.keys()].sort()).toEqual(options.sort());
    for (const [name, value] of documented) if (value !== "") expect(String(checked[name]), name).toBe(value);
  });

  test("names every source of an answer", () => {
    const source = readFileSync(join(projectFolder, "client/answer.ts"), "utf8");
    const [, union = ""] = /export type AnswerSource = ([^;]*);/.exec(source) ?? [];
    const sources = [...union.matchAll(/"(\w+)"/g)].map((match) => `\`${match[1]}\``);
    expect(sources.length).toBe(6);
    const documented = rowsAfter("| source |")
      .slice(1)
      .map(([, name]) => name);
    expect(documented).toEqual(sources);
  });

  test("links only to headings and files that exist", () => {
    const headingsOf = (markdown: string) =>
      [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
        heading
          .toLowerCase()
          .replace(/[^a-z0-9 -]/g, "")
          .replaceAll(" ", "-"),
      );
    for (const [, file = "", heading] of text.matchAll(/\]\(([^)#]*)(?:#([^)]+))?\)/g)) {
      const linked = readFileSync(join(projectFolder, "docs", file || "clients.md"), "utf8");
      if (heading !== undefined) expect(headingsOf(linked), file).toContain(heading);
    }
  });
});
