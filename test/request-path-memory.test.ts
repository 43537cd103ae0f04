import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { freePort } from "./support/ports.ts";
import { publishAndWait } from "./support/publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { bodyOf, send } from "./support/send-body.ts";
import { type System, startSystem } from "./support/system.ts";

const megabyte = 1024 * 1024;
const body = bodyOf(50 * megabyte);
/** The windows of two connections, and 1 MiB that is kept for a retry. */
const plainMegabytes = 8;
/** A shadow may keep 4 MiB of a body until it is given up. */
const shadowMegabytes = 12;

let system: System;
let echo: EchoServer;
/** Takes connections, and never reads from them. */
let deaf: Server;
const sockets: Socket[] = [];

beforeAll(async () => {
  const deafPort = await freePort();
  deaf = createServer({ pauseOnConnect: true }, (socket) => void sockets.push(socket.on("error", () => undefined)));
  deaf.listen(deafPort, "127.0.0.1");
  [echo, system] = await Promise.all([startEchoServer(), startSystem()]);
  const everyRequest = [{ model: "echo", version: "copy", percent: 100 }];
  await publishAndWait(system, "plain", [
    sampleShard("http1", [echo.http1Port]),
    sampleShard("http2", [echo.http2Port], { protocol: "http2" }),
    sampleShard("copies", [echo.http1Port]),
    sampleShard("deaf", [deafPort]),
    sampleModel("echo", { http1: ["http1"], http2: ["http2"], copy: ["copies"] }),
    sampleModel("ignored", { "1": ["deaf"] }),
    sampleObjective("retried", "echo", "http1", { policy: { retries: 5, timeoutMs: 60_000 } }),
    sampleObjective("shadowed", "echo", "http1", { shadow: everyRequest, policy: { timeoutMs: 60_000 } }),
    sampleObjective("shadowed-by-the-deaf", "echo", "http1", {
      shadow: [{ model: "ignored", version: "1", percent: 100 }],
      policy: { timeoutMs: 60_000 },
    }),
    sampleObjective("plain", "echo", "http1", { policy: { retries: 0, timeoutMs: 60_000 } }),
  ]);
});

afterAll(async () => {
  await system?.stop();
  await echo?.stop();
  for (const socket of sockets) socket.destroy();
  deaf?.close();
});

async function allocatedBytes(): Promise<number> {
  const response = await fetch(`${system.adminUrl}/memory`);
  return Number(((await response.json()) as { allocated: string }).allocated);
}

/** A model that begins to read late, so that all of the body presses on Envoy. */
const modelReadsLate = { path: "/late-read?delayMs=1500", readAfterMs: 0 };
/** A client that begins to read late what the model sends back at once. */
const clientReadsLate = { path: "/echo", readAfterMs: 1500 };

/** Sends the body, and answers with the most that Envoy had allocated on top while the client was held up. */
async function growthWhileHeldUp(
  routingKey: string,
  protocol: "http1" | "http2",
  { path, readAfterMs } = modelReadsLate,
): Promise<number> {
  const before = await allocatedBytes();
  let isAnswered = false;
  let sentBytes = 0;
  const answered = send({
    url: system.envoyUrl + path,
    protocol,
    headers: { "x-routing-key": routingKey },
    body,
    readAfterMs,
    onSent: (bytes) => {
      sentBytes = bytes;
    },
  }).finally(() => {
    isAnswered = true;
  });
  let most = 0;
  let samplesWhileHeldUp = 0;
  while (!isAnswered) {
    most = Math.max(most, await allocatedBytes());
    if (sentBytes > 0 && sentBytes < body.bytes) samplesWhileHeldUp++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await answered).toMatchObject({ status: 200 });
  expect(echo.received).toContainEqual(
    expect.objectContaining({
      bytes: body.bytes,
      sha256: body.sha256,
      headers: expect.objectContaining({ "x-routing-key": routingKey }),
    }),
  );
  expect(samplesWhileHeldUp).toBeGreaterThan(5);
  return most - before;
}

for (const protocol of ["http1", "http2"] as const) {
  for (const upstream of ["http1", "http2"] as const) {
    test(`Envoy's memory does not grow with a body of 50 MB from ${protocol} to ${upstream}`, async () => {
      const growth = await growthWhileHeldUp(`default/plain/echo@${upstream}`, protocol);
      expect(growth).toBeLessThan(plainMegabytes * megabyte);
    });
  }

  test(`nor with an answer of 50 MB that a client of ${protocol} reads late`, async () => {
    const growth = await growthWhileHeldUp("default/plain/echo@http1", protocol, clientReadsLate);
    expect(growth).toBeLessThan(plainMegabytes * megabyte);
  });

  test(`nor from ${protocol} with retries on, for which only the beginning is kept`, async () => {
    const growth = await growthWhileHeldUp("default/retried/echo@http1", protocol);
    expect(growth).toBeLessThan(plainMegabytes * megabyte);
  });

  test(`nor from ${protocol} with every request shadowed`, async () => {
    const growth = await growthWhileHeldUp("default/shadowed/echo@http1", protocol);
    expect(growth).toBeLessThan(shadowMegabytes * megabyte);
  });

  test(`nor from ${protocol} with a shadow that never reads, which does not hold up the request`, async () => {
    const growth = await growthWhileHeldUp("default/shadowed-by-the-deaf/echo@http1", protocol);
    expect(growth).toBeLessThan(shadowMegabytes * megabyte);
  });
}
