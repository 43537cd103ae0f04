import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { TestResolver } from "../../test/support/resolver.ts";
import { postJson } from "../../test/support/resolver-client.ts";
import { publish } from "../publish.ts";
import type { Figures } from "../report.ts";
import type { Latency } from "./latency.ts";
import { manyObjectives } from "./rule-set.ts";

const program = fileURLToPath(new URL("./probe-main.ts", import.meta.url));
const quietMs = 6000;

/**
 * How long single requests take while nothing changes, and while the resolver takes in new revisions of all its 10,000
 * objectives. Another process sends them, so that publishing does not keep them waiting.
 */
export async function measureUpdate(resolver: TestResolver, natsUrl: string): Promise<Figures> {
  const quiet = await probe(resolver.url, () => new Promise((resolve) => setTimeout(resolve, quietMs)));
  const edition = Date.now();
  const during = await probe(resolver.url, async () => {
    const revision = await publish(natsUrl, manyObjectives({ edition }));
    await untilRevision(resolver.url, revision);
  });
  return {
    quietP50Ms: quiet.p50 / 1000,
    quietP99Ms: quiet.p99 / 1000,
    quietP999Ms: quiet.p999 / 1000,
    duringUpdateP50Ms: during.p50 / 1000,
    duringUpdateP99Ms: during.p99 / 1000,
    duringUpdateP999Ms: during.p999 / 1000,
  };
}

async function probe(url: string, whileWaiting: () => Promise<void>): Promise<Latency> {
  const child = spawn(process.execPath, [program, url], { stdio: ["pipe", "pipe", "inherit"] });
  const output = text(child.stdout);
  const ended = once(child, "close");
  try {
    await whileWaiting();
  } finally {
    child.stdin.end();
    await ended;
  }
  return JSON.parse(await output) as Latency;
}

/** Waits until the objective that was published last is answered from that revision. */
async function untilRevision(url: string, revision: number): Promise<void> {
  for (;;) {
    const { body } = await postJson(`${url}/v1/resolve`, { objective: "bench-9999", context: {} });
    if (Number(body.revision) >= revision) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
