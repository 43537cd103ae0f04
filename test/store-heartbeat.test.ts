import { connect } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { type Heartbeat, readStatuses, startHeartbeat } from "../rollout/heartbeat.ts";
import type { ProcessStatus } from "../rollout/process-status.ts";
import { startNats, type TestNats } from "./support/nats.ts";
import { freePort } from "./support/ports.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";

async function ownNats(folder = temporaryFolder(), port?: number): Promise<TestNats> {
  const nats = await startNats(folder, port);
  onTestFinished(() => nats.stop());
  return nats;
}

function statusOf(id: string, revision = 1): ProcessStatus {
  return {
    process: "resolver",
    id,
    startedAt: "2026-11-21T08:00:00.000Z",
    version: "0.1.0",
    revision,
    connectedToStore: true,
    rejections: [],
  };
}

function beating(servers: string, status: () => ProcessStatus, intervalMs?: number) {
  const problems: (string | null)[] = [];
  const heartbeat: Heartbeat = startHeartbeat({ servers, status, intervalMs, onProblem: (p) => problems.push(p) });
  onTestFinished(() => heartbeat.stop());
  return { heartbeat, problems };
}

test("a process shows in the status until it stops", async () => {
  const nats = await ownNats();
  const { heartbeat } = beating(nats.url, () => statusOf("one.example:7070"));
  beating(nats.url, () => statusOf("two"));
  await eventually("both", async () => (await readStatuses({ servers: nats.url })).length === 2);
  await heartbeat.stop();
  expect(await readStatuses({ servers: nats.url })).toEqual([statusOf("two")]);
});

test("a change is published without waiting for the interval", async () => {
  const nats = await ownNats();
  let revision = 1;
  const { heartbeat } = beating(nats.url, () => statusOf("one", revision), 1_000_000);
  const published = async () => (await readStatuses({ servers: nats.url }))[0]?.revision;
  await eventually("the first", async () => (await published()) === 1);
  revision = 2;
  heartbeat.changed();
  await eventually("the change", async () => (await published()) === 2);
});

test("a process that died without a word is forgotten", async () => {
  const nats = await ownNats();
  beating(nats.url, () => statusOf("dead"), 1_000_000);
  await eventually("it is there", async () => (await readStatuses({ servers: nats.url })).length === 1);
  await eventually("it is gone", async () => (await readStatuses({ servers: nats.url })).length === 0, 30_000);
});

test("heartbeats begin when NATS comes up, and come back after kill -9 of it took the bucket away", async () => {
  const port = await freePort();
  const { problems } = beating(`nats://127.0.0.1:${port}`, () => statusOf("one"), 50);
  await eventually("the problem is told", () => problems.length > 0);
  const nats = await ownNats(temporaryFolder(), port);
  const isThere = async () => (await readStatuses({ servers: nats.url })).length === 1;
  await eventually("it is there", isThere);
  await nats.stop("SIGKILL");
  await ownNats(nats.folder, port);
  await eventually("it is there again", isThere);
  await eventually("the end of the problem is told", () => problems.at(-1) === null);
});

test("garbage in the status bucket is left out", async () => {
  const nats = await ownNats();
  beating(nats.url, () => statusOf("one"));
  await eventually("it is there", async () => (await readStatuses({ servers: nats.url })).length === 1);
  const connection = await connect({ servers: nats.url });
  onTestFinished(() => connection.close());
  connection.publish("$KV.signalbox-status.resolver.garbage", "{");
  connection.publish("$KV.signalbox-status.resolver.other", '{"process":"resolver"}');
  await connection.flush();
  expect(await readStatuses({ servers: nats.url })).toEqual([statusOf("one")]);
});
