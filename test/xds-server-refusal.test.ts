import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LiveDocuments } from "../config/live-documents.ts";
import { readConfig } from "../xds-server/config.ts";
import { type Context, createContext } from "../xds-server/context.ts";
import { model, objective, publish, shard } from "../xds-server/testing/live-documents.ts";
import { freePort } from "./support/ports.ts";
import { makeTemporaryFolder } from "./support/processes.ts";

const folder = makeTemporaryFolder();
const stopping = new AbortController();
let context: Context;

beforeAll(async () => {
  const NATS_URL = `nats://127.0.0.1:${await freePort()}`;
  const config = readConfig({ NATS_URL, SIGNALBOX_DATA: folder, LOG_LEVEL: "silent" });
  context = await createContext(config, stopping.signal);
});

afterAll(async () => {
  stopping.abort();
  await Promise.all([context.heartbeat.stop(), context.follower.stopped]);
  rmSync(folder, { recursive: true, force: true });
});

/** What no document can say as long as its schema is as strict as Envoy's protos. */
function withConnectTimeout(live: LiveDocuments, name: string, connectTimeoutMs: number): LiveDocuments {
  const found = live.shards.get(name);
  if (!found) throw new Error(`there is no shard ${name}`);
  const spec = { ...found.document.spec, connectTimeoutMs };
  return { ...live, shards: new Map(live.shards).set(name, { ...found, document: { ...found.document, spec } }) };
}

test("the process checks what it makes against the rules of Envoy's protos, and its status says what they refuse", async () => {
  const live = publish([
    shard("bad"),
    shard("good"),
    model("ranker", { "1": ["good"] }),
    objective("ranking", "ranker", "1"),
  ]);
  const changes = await context.changes.update(withConnectTimeout(live, "default/bad", 0));
  const names = changes.map(({ name }) => name);
  expect(names).toContain("default/good");
  expect(names).toContain("default/ranking");
  expect(names).not.toContain("default/bad");
  expect(context.status().rejections).toEqual([
    expect.objectContaining({
      key: "shard.default.bad",
      revision: 1,
      problems: [
        {
          document: "Shard default/bad",
          path: "Cluster default/bad: connect_timeout",
          message: expect.stringContaining("must be"),
        },
      ],
    }),
  ]);
});
