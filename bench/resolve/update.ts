import type { TestResolver } from "../../test/support/resolver.ts";
import { postJson } from "../../test/support/resolver-client.ts";
import { publish } from "../publish.ts";
import type { Figures } from "../report.ts";
import { type Latency, latencyOf } from "./latency.ts";
import { manyObjectives } from "./rule-set.ts";

const pauseMs = 2;
const quietMs = 5000;

/**
 * How long single requests take while nothing changes, and while the resolver takes in new revisions of all its 10,000
 * objectives. Requests are sent at a steady pace, however long answers take, so that a standstill shows in full.
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
    duringUpdateP50Ms: during.p50 / 1000,
    duringUpdateP99Ms: during.p99 / 1000,
    duringUpdateP999Ms: during.p999 / 1000,
  };
}

async function probe(url: string, whileWaiting: () => Promise<void>): Promise<Latency> {
  const microseconds: number[] = [];
  const underWay = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const sentAt = performance.now();
    const context = { userId: `user-${microseconds.length}`, country: "c1", device: "tv" };
    const asked = postJson(`${url}/v1/resolve`, { objective: `bench-${microseconds.length % 10_000}`, context });
    const one = asked.then(({ status }) => {
      if (status !== 200) throw new Error(`a request was answered with ${status}`);
      microseconds.push((performance.now() - sentAt) * 1000);
      underWay.delete(one);
    });
    underWay.add(one);
  }, pauseMs);
  await whileWaiting();
  clearInterval(timer);
  await Promise.all(underWay);
  return latencyOf(Float64Array.from(microseconds));
}

/** Waits until the objective that was published last is answered from that revision. */
async function untilRevision(url: string, revision: number): Promise<void> {
  for (;;) {
    const { body } = await postJson(`${url}/v1/resolve`, { objective: "bench-9999", context: {} });
    if (Number(body.revision) >= revision) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
