import { once } from "node:events";
import { postJson } from "../../test/support/resolver-client.ts";
import { type Latency, latencyOf } from "./latency.ts";
import { askedCountry, device } from "./rule-set.ts";

// Sends requests to servers that answer like a resolver of the 10,000 objectives, to all at the same steady pace, however
// long answers take, so that a standstill shows in full. Arguments: the servers' URLs. Prints a line once it is warm,
// measures from the first line of its standard input to the end of it, and prints a ProbeResult for each server as JSON.

/** Of one server: percentiles and the longest wait in microseconds. */
export type ProbeResult = Latency & { readonly requests: number; readonly longest: number };

const servers = process.argv.slice(2).map((url) => ({ url, microseconds: [] as number[] }));
const pauseMs = 2;
const warmUpRequests = 500;
const underWay = new Set<Promise<void>>();
let isMeasuring = false;
let sent = 0;

const timer = setInterval(() => {
  const number = sent++;
  // Whoever is asked second waits for the first request to be sent.
  for (const server of number % 2 === 0 ? servers : servers.toReversed()) send(server, number);
}, pauseMs);

function send({ url, microseconds }: (typeof servers)[number], number: number): void {
  const counts = isMeasuring;
  const sentAt = performance.now();
  const context = { userId: `user-${number}`, country: askedCountry, device };
  const asked = postJson(`${url}/v1/resolve`, { objective: `bench-${(number * 7919) % 10_000}`, context });
  const one = asked.then(({ status }) => {
    if (status !== 200) throw new Error(`a request was answered with ${status}`);
    if (counts) microseconds.push((performance.now() - sentAt) * 1000);
    underWay.delete(one);
  });
  underWay.add(one);
}

while (sent < warmUpRequests) await new Promise((resolve) => setTimeout(resolve, pauseMs));
console.log("warm");
await once(process.stdin, "data");
isMeasuring = true;
await once(process.stdin, "end");
clearInterval(timer);
await Promise.all(underWay);
const results = servers.map(({ microseconds }): ProbeResult => {
  const all = Float64Array.from(microseconds).sort();
  return { requests: all.length, longest: all.at(-1) ?? Number.NaN, ...latencyOf(all) };
});
console.log(JSON.stringify(results));
