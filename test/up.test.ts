import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { processIdentity } from "../cli/up/process-identity.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";
import { startUp, type Up, type UpEnvironment, upEnvironment } from "./support/up.ts";

/** Runs `signalbox up`; whatever it started is ended with the test. */
function runUp(environment: UpEnvironment): Up {
  const up = startUp(environment);
  onTestFinished(async () => {
    up.send("SIGINT");
    await up.exitCode;
  });
  return up;
}

const freshEnvironment = () => upEnvironment(temporaryFolder());

/** The ids of the processes that `up` has on record. */
async function startedProcesses({ SIGNALBOX_DATA }: UpEnvironment): Promise<number[]> {
  const folder = join(SIGNALBOX_DATA, "run");
  return readdirSync(folder).map(
    (file) => (JSON.parse(readFileSync(join(folder, file), "utf8")) as { processId: number }).processId,
  );
}

/** Runs the line that `up` printed as a user would paste it, in another folder; answers with the head of the response. */
function pasteCurl(output: string): string {
  const line = /curl .*/.exec(output)?.[0] ?? "";
  const { status, stdout, stderr } = spawnSync("sh", ["-c", `${line} -sS -i`], { cwd: tmpdir(), encoding: "utf8" });
  return status === 0 ? stdout : `${stdout}${stderr}`;
}

describe("signalbox up", () => {
  test("starts everything, prints a request that works, and leaves nothing after Ctrl-C", async () => {
    const environment = await freshEnvironment();
    const up = runUp(environment);
    await up.ready();
    const answer = pasteCurl(up.output());
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toMatch(/^x-signalbox-model: digits@[78]\r$/m);
    expect(answer).toContain('"predict"');
    const processes = await startedProcesses(environment);
    expect(processes).toHaveLength(7);
    up.send("SIGINT");
    expect(await up.exitCode).toBe(0);
    expect(up.output()).toContain("nothing is left running");
    expect(processes.map(processIdentity)).toEqual(processes.map(() => null));
  });

  test("leaves nothing when its terminal is closed", async () => {
    const environment = await freshEnvironment();
    const up = runUp(environment);
    await up.ready();
    const processes = await startedProcesses(environment);
    up.send("SIGHUP");
    expect(await up.exitCode).toBe(0);
    expect(processes.map(processIdentity)).toEqual(processes.map(() => null));
  });

  test("leaves nothing after a Ctrl-C while it starts", async () => {
    const environment = await freshEnvironment();
    const up = runUp(environment);
    let processes: readonly number[] = [];
    await eventually("a part of it is started", async () => {
      processes = await startedProcesses(environment);
      return processes.length > 1;
    });
    up.send("SIGINT");
    expect(await up.exitCode).toBe(0);
    expect(up.output()).toBe("Stopped; nothing is left running.\n");
    expect(processes.map(processIdentity)).toEqual(processes.map(() => null));
    expect(await startedProcesses(environment)).toEqual([]);
  });

  test("names the part that does not start, with the end of its log, and stops the others", async () => {
    const environment = await freshEnvironment();
    const up = runUp({ ...environment, ...{ ENVOY_BIN: process.execPath } });
    expect(await up.exitCode).toBe(1);
    const log = join(environment.SIGNALBOX_DATA, "logs", "envoy.log");
    expect(up.output()).toContain(`envoy ended. The end of ${log}:\n`);
    expect(up.output()).toContain("bad option: --config-path");
    expect(await startedProcesses(environment)).toEqual([]);
  });

  test("starts again after it was killed, ends what was left over, and keeps what was published", async () => {
    const environment = await freshEnvironment();
    const killed = runUp(environment);
    await killed.ready();
    const before = await startedProcesses(environment);
    killed.send("SIGKILL");
    await killed.exitCode;
    const again = runUp(environment);
    await again.ready();
    expect(again.output()).toContain("Ended envoy, left over from an earlier run.");
    expect(before.map(processIdentity)).toEqual(before.map(() => null));
    expect(pasteCurl(again.output())).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("refuses a second start beside a running one, and leaves that one alone", async () => {
    const environment = await freshEnvironment();
    const running = runUp(environment);
    await running.ready();
    const second = runUp(environment);
    expect(await second.exitCode).toBe(1);
    expect(second.output()).toMatch(/^Signalbox runs here already \(process \d+\): stop it first/);
    expect(pasteCurl(running.output())).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("names every port in use and its variable, before anything is started", async () => {
    const environment = await freshEnvironment();
    const taken = createServer().listen(Number(environment.RESOLVER_HTTP_PORT), "127.0.0.1");
    onTestFinished(() => void taken.close());
    await new Promise((resolve) => taken.once("listening", resolve));
    const up = runUp(environment);
    expect(await up.exitCode).toBe(1);
    expect(up.output().trim()).toBe(
      `Port ${environment.RESOLVER_HTTP_PORT} of 127.0.0.1 is in use: end what listens there, or choose another with RESOLVER_HTTP_PORT=PORT.`,
    );
    expect(existsSync(join(environment.SIGNALBOX_DATA, "nats"))).toBe(false);
  });

  test("refuses a port that is none, with exit code 2", async () => {
    const up = runUp({ ...(await freshEnvironment()), XDS_GRPC_PORT: "ninety" });
    expect(await up.exitCode).toBe(2);
    expect(up.output()).toContain("XDS_GRPC_PORT=ninety is no port");
  });

  test("starts a part again that dies, and says so", async () => {
    const environment = await freshEnvironment();
    const up = runUp(environment);
    await up.ready();
    const record = join(environment.SIGNALBOX_DATA, "run", "envoy.json");
    process.kill((JSON.parse(readFileSync(record, "utf8")) as { processId: number }).processId, "SIGKILL");
    await eventually("Envoy is back", () => pasteCurl(up.output()).startsWith("HTTP/1.1 200 "));
    expect(up.output()).toContain("envoy ended (SIGKILL), starting it again");
  });
});
