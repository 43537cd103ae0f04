import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { buildGo } from "./go.ts";

/** What one response brought to a client that subscribes to all clusters: name to `alt_stat_name`. */
export type GoUpdate = {
  readonly clusters: Readonly<Record<string, string>>;
  /** Delta only. */
  readonly removed: readonly string[];
};

/** A client made of go-control-plane, as a process of its own. It answers responses only when told to. */
export type GoXdsClient = {
  /** The next response; waits for it. */
  fetch(): Promise<GoUpdate>;
  ack(): Promise<void>;
  nack(reason: string): Promise<void>;
  /** Closes the connection and opens another one, with what it holds. */
  reconnect(): Promise<void>;
  stop(): Promise<void>;
};

/** Builds the client, once; see `buildGo`. Answers with the binary. */
export function buildGoXdsClient(): Promise<string> {
  return buildGo(fileURLToPath(new URL("../interop/go-control-plane", import.meta.url)));
}

/** Starts the client; its first request is sent. */
export async function startGoXdsClient(variant: "sotw" | "delta", port: number, nodeId: string): Promise<GoXdsClient> {
  const binary = await buildGoXdsClient();
  const args = ["-variant", variant, "-address", `127.0.0.1:${port}`, "-node", nodeId];
  const child = spawn(binary, args, { stdio: ["pipe", "pipe", "pipe"] });
  const waiting: PromiseWithResolvers<string>[] = [];
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = `${errors}${chunk}`.slice(-5000);
  });
  child.stdin.on("error", () => undefined);
  createInterface(child.stdout).on("line", (line) => waiting.shift()?.resolve(line));
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      for (const each of waiting) each.reject(new Error(`the Go client ended: ${errors}`));
      resolve();
    });
  });
  const ask = async <T>(command: string) => {
    const answer = Promise.withResolvers<string>();
    waiting.push(answer);
    child.stdin.write(`${command}\n`);
    return JSON.parse(await answer.promise) as T;
  };
  return {
    fetch: () => ask<GoUpdate>("fetch"),
    ack: async () => void (await ask("ack")),
    nack: async (reason) => void (await ask(`nack ${reason}`)),
    reconnect: async () => void (await ask("reconnect")),
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
