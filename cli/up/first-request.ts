import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { projectFolder } from "../../setup/paths.js";
import { CommandError } from "../exit-codes.ts";
import type { Ports } from "./settings.ts";

/** The first request of a new Signalbox: what it asked, and what came back. */
export type FirstRequest = {
  /** A line that sends the same request again from any folder, for a shell. */
  readonly curl: string;
  readonly model: string;
  readonly shard: string;
  readonly revision: string;
  readonly answer: string;
};

const objective = "quickstart";
const context = { userId: "user-1" };
const bodyFile = join(projectFolder, "examples/quickstart/request.json");

/**
 * Resolves the quickstart objective and sends the example's body through Envoy. Asks again while the documents that
 * were published a moment ago are on their way to both, up to `timeoutMs`.
 */
export async function sendFirstRequest(ports: Ports, timeoutMs: number, signal: AbortSignal): Promise<FirstRequest> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await resolveAndInfer(ports);
    } catch (error) {
      signal.throwIfAborted();
      if (Date.now() > deadline) {
        throw new CommandError(`The first request failed: ${(error as Error).message}`, undefined, { cause: error });
      }
      await sleep(50);
    }
  }
}

async function resolveAndInfer(ports: Ports): Promise<FirstRequest> {
  const resolved = await fetch(`http://127.0.0.1:${ports.RESOLVER_HTTP_PORT}/v1/resolve`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ objective, context }),
  });
  if (!resolved.ok) throw new Error(`the resolver answered ${resolved.status}: ${await resolved.text()}`);
  const { routingKey, headers } = (await resolved.json()) as { routingKey: string; headers: Record<string, string> };
  const url = `http://127.0.0.1:${ports.ENVOY_KEYED_PORT}/infer`;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: readFileSync(bodyFile),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`Envoy answered ${response.status}: ${answer}`);
  const header = (name: string) => response.headers.get(name) ?? "";
  return {
    curl: `curl -H 'content-type: application/json' -H 'x-routing-key: ${routingKey}' --data ${shellWord(`@${bodyFile}`)} ${url}`,
    model: header("x-signalbox-model"),
    shard: header("x-signalbox-shard"),
    revision: header("x-signalbox-revision"),
    answer,
  };
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
