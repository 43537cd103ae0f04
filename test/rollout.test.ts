import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRandomDocuments, seededRandom } from "./support/rollout-changes.ts";
import { type RolloutLoad, startRolloutLoad } from "./support/rollout-load.ts";
import { publishTo, type RolloutWorld, startRolloutWorld, untilLive, untilWhole } from "./support/rollout-world.ts";

/** Set `ROLLOUT_SEED` to run the same changes again. */
const seed = Number(process.env.ROLLOUT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = seededRandom(seed);

let world: RolloutWorld;
let documents: ReturnType<typeof createRandomDocuments>;
let load: RolloutLoad;

beforeAll(async () => {
  console.log(`ROLLOUT_SEED=${seed}`);
  world = await startRolloutWorld({ environment: { XDS_ROUTE_GRACE_MS: "500" } });
  documents = createRandomDocuments({ random, ports: world.models.map(({ http1Port }) => http1Port) });
  await untilLive(world, await publishTo(await world.store(), documents.initial()));
  await untilWhole(world);
  load = startRolloutLoad({
    resolverUrls: world.resolverUrls,
    envoyUrl: world.envoyUrl,
    objective: () => documents.objectives[Math.floor(Math.random() * documents.objectives.length)] ?? "",
    random: Math.random,
  });
  await load.untilAnswered(50);
}, 120_000);

afterAll(async () => {
  await load?.stop();
  await world?.stop();
});

async function putGarbage(key: string): Promise<void> {
  const connection = await connect({ servers: `nats://127.0.0.1:${new URL(world.natsUrl).port}` });
  connection.publish(`$KV.signalbox.${key}`, "garbage");
  await connection.drain();
}

test("random changes of every kind cost no request, and no answer is another model's", {
  timeout: 300_000,
}, async () => {
  const store = await world.store();
  for (let n = 0; n < 60; n++) {
    const { garbage, ...change } = documents.next();
    if (garbage === undefined) await untilLive(world, await publishTo(store, change));
    else await putGarbage(garbage);
    await load.untilAnswered(5);
  }
  await load.untilAnswered(100);
  expect({ failed: load.failed, wrong: load.wrong }).toEqual({ failed: [], wrong: [] });
});
