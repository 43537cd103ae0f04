import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Where loads find `prepared-requests.lua`; the two semicolons stand for Lua's own folders. */
const luaPath = `${fileURLToPath(new URL(".", import.meta.url))}?.lua;;`;

/** What one run of wrk measured. */
export type WrkResult = {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly errors: number;
};

export type WrkOptions = {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** A Lua file whose `init` prepares the requests. */
  readonly script: string;
  readonly scriptArguments: readonly string[];
};

/** Throws, with the remedy, when wrk is not installed. */
export function requireWrk(): void {
  if (spawnSync("wrk", ["--version"]).error) throw new Error("wrk is not installed (Debian: apt-get install wrk)");
}

/** Runs wrk with one thread and answers with what it measured. */
export async function runWrk(options: WrkOptions): Promise<WrkResult> {
  const { url, connections, seconds, script, scriptArguments } = options;
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s", "--latency", "-s", script, url, "--"];
  const child = spawn("wrk", [...args, ...scriptArguments], {
    env: { ...process.env, LUA_PATH: luaPath },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  await new Promise((resolve) => child.once("close", resolve));
  const line = output.split("\n").find((text) => text.startsWith("RESULT "));
  if (!line) throw new Error(`wrk printed no result for ${url}:\n${output}`);
  const result = JSON.parse(line.slice("RESULT ".length)) as {
    requests: number;
    durationMicroseconds: number;
    p50Microseconds: number;
    p99Microseconds: number;
    p999Microseconds: number;
    errors: number;
  };
  return {
    requests: result.requests,
    requestsPerSecond: result.requests / (result.durationMicroseconds / 1e6),
    p50Ms: result.p50Microseconds / 1000,
    p99Ms: result.p99Microseconds / 1000,
    p999Ms: result.p999Microseconds / 1000,
    errors: result.errors,
  };
}
