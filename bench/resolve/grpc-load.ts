import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { ResolveRequestSchema } from "../../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { resolveMethod } from "./grpc-method.ts";
import { latencyOf } from "./latency.ts";

// Calls Resolve with bytes made beforehand over one channel, so many calls under way. Arguments: address, calls under
// way, calls. Prints one line of JSON.
const [address = "", concurrency = "", calls = ""] = process.argv.slice(2);
const requests = Array.from({ length: 1000 }, (_, unit) => {
  const context = { userId: `user-${unit}-0f3c9a52`, country: "c49", device: "tv" };
  return Buffer.from(toBinary(ResolveRequestSchema, create(ResolveRequestSchema, { objective: "bench", context })));
});

const client = new Client(address, credentials.createInsecure());
const microseconds: number[] = [];
const startedAt = performance.now();
let next = 0;
let left = Number(calls);
let errors = 0;

function call(): Promise<void> {
  const sentAt = performance.now();
  next = (next + 1) % requests.length;
  left -= 1;
  return new Promise((resolve) => {
    const { path, requestSerialize, responseDeserialize } = resolveMethod;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, requests[next] as Buffer, (error) => {
      if (error) errors += 1;
      microseconds.push((performance.now() - sentAt) * 1000);
      resolve();
    });
  });
}

async function worker(): Promise<void> {
  while (left > 0) await call();
}

await Promise.all(Array.from({ length: Number(concurrency) }, worker));
const elapsed = (performance.now() - startedAt) / 1000;
client.close();
const { p50, p99, p999 } = latencyOf(Float64Array.from(microseconds));
console.log(JSON.stringify({ requests: microseconds.length, elapsed, errors, p50, p99, p999 }));
