import { expect, test, vi } from "vitest";
import { configHeader, placeConfig } from "./place-config.ts";
import { resolution } from "./testing.ts";

const { config } = resolution();
const input = { name: "x", shape: [1], datatype: "FP32", data: [1] };

function decoded(headers: Readonly<Record<string, string>>) {
  return JSON.parse(Buffer.from(headers[configHeader] ?? "", "base64url").toString());
}

test("an Open Inference request gets the parameters; what it says itself wins", () => {
  const payload = { id: "1", inputs: [input], parameters: { beam: 2, mine: true } };
  const { body, headers, isReplayable } = placeConfig(payload, { ...config, parameters: { beam: 4, threshold: 0.5 } });
  expect(JSON.parse(String(body))).toEqual({ ...payload, parameters: { beam: 2, threshold: 0.5, mine: true } });
  expect(headers).toEqual({ "content-type": "application/json" });
  expect(isReplayable).toBe(true);
  expect(payload.parameters).toEqual({ beam: 2, mine: true });
});

test.each([
  { messages: [{ role: "user", content: "hi" }] },
  { inputs: [[1, 2]] },
  { inputs: [input], parameters: [1] },
  { inputs: [] },
])("any other JSON stays as it is, and the config goes into a header: %j", (payload) => {
  const { body, headers } = placeConfig(payload, config);
  expect(JSON.parse(String(body))).toEqual(payload);
  expect(decoded(headers)).toEqual(config);
});

test("raw bodies and streams get the header; only a stream cannot be sent again", async () => {
  async function* chunks() {
    yield new Uint8Array([1]);
    yield new Uint8Array([2, 3]);
  }
  const payloads = ["text", new Uint8Array([1]), new ArrayBuffer(1), new Blob(["x"]), new ReadableStream(), chunks()];
  const placed = payloads.map((payload) => placeConfig(payload, config));
  for (const { headers } of placed) expect(decoded(headers)).toEqual(config);
  expect(placed.map(({ isReplayable }) => isReplayable)).toEqual([true, true, true, true, false, false]);
  const streamed = await new Response(placed.at(-1)?.body as ReadableStream).bytes();
  expect([...streamed]).toEqual([1, 2, 3]);
});

test("whatever has an async iterator is a stream; one that is given up ends what it is made of", async () => {
  const [returned, failed] = [vi.fn(async () => ({ done: true as const, value: undefined })), new Error("no more")];
  const chunks = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(failed), return: returned }) };
  const streamOf = () => placeConfig(chunks, config).body as ReadableStream;
  await streamOf().cancel("enough");
  expect(returned).toHaveBeenCalledWith("enough");
  await expect(new Response(streamOf()).text()).rejects.toBe(failed);
});

test("a config without parameters needs no place", () => {
  expect(placeConfig("text", { ...config, parameters: {} }).headers).toEqual({});
});

test("parameters that are too large for a header are refused, with the remedy", () => {
  const parameters = { prompt: "x".repeat(20_000) };
  expect(() => placeConfig("text", { ...config, parameters })).toThrow(/ranker@8 need \d+ bytes.*Open Inference/);
  expect(() => placeConfig({ inputs: [input] }, { ...config, parameters })).not.toThrow();
});
