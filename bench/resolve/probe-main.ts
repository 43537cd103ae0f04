import { postJson } from "../../test/support/resolver-client.ts";
import { latencyOf } from "./latency.ts";
import { askedCountry, device } from "./rule-set.ts";

// Sends requests to a resolver of the 10,000 objectives at a steady pace, however long answers take, so that a standstill
// shows in full, until its standard input ends. Argument: the resolver's URL. Prints one line of JSON.
const [url = ""] = process.argv.slice(2);
const pauseMs = 2;
const warmUpRequests = 500;
const microseconds: number[] = [];
const underWay = new Set<Promise<void>>();
let sent = 0;

const timer = setInterval(() => {
  const sentAt = performance.now();
  const number = sent++;
  const context = { userId: `user-${number}`, country: askedCountry, device };
  const asked = postJson(`${url}/v1/resolve`, { objective: `bench-${(number * 7919) % 10_000}`, context });
  const one = asked.then(({ status }) => {
    if (status !== 200) throw new Error(`a request was answered with ${status}`);
    if (number >= warmUpRequests) microseconds.push((performance.now() - sentAt) * 1000);
    underWay.delete(one);
  });
  underWay.add(one);
}, pauseMs);

await new Promise((resolve) => process.stdin.on("data", () => undefined).once("end", resolve));
clearInterval(timer);
await Promise.all(underWay);
console.log(JSON.stringify({ requests: microseconds.length, ...latencyOf(Float64Array.from(microseconds)) }));
