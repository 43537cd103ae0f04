import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createRandomDocuments, type RandomDocuments, seededRandom } from "./support/rollout-changes.ts";
import { clientKinds, clientName } from "./support/rollout-clients.ts";
import { type RolloutLoad, startRolloutLoad } from "./support/rollout-load.ts";
import { runChanges, runKills, runPartitions } from "./support/rollout-run.ts";
import { publishTo, type RolloutWorld, startRolloutWorld, untilLive, untilWhole } from "./support/rollout-world.ts";

/** Set `ROLLOUT_SEED` to run the same changes again, and to draw the same requests. */
const seed = Number(process.env.ROLLOUT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = seededRandom(seed);
const randomRequest = seededRandom(seed + 1);
/** How long after an Envoy was killed the loss of a connection is put down to that. */
const excusedMs = 2000;

let world: RolloutWorld;
let documents: RandomDocuments;
let load: RolloutLoad;
/** What was done, to be read beside the processes' logs when a test fails. */
const diary: string[] = [];
const note = (what: string) => diary.push(`${new Date().toISOString()} ${what}`);
let envoyKilledAt = Number.NEGATIVE_INFINITY;

beforeAll(async () => {
  console.log(`ROLLOUT_SEED=${seed}`);
  world = await startRolloutWorld({ environment: { XDS_ROUTE_GRACE_MS: "500" } });
  documents = createRandomDocuments({ random, models: world.models });
  await untilLive(world, await publishTo(await world.store(), documents.initial()));
  documents.valid.settled();
  await untilWhole(world);
}, 180_000);

afterAll(async () => {
  await load?.stop();
  await world?.stop();
});

beforeEach(async () => {
  await load?.stop();
  load = startRolloutLoad({
    ...world,
    objective: (protocol) => documents.objectiveFor(protocol, randomRequest),
    valid: documents.valid,
    random: randomRequest,
    isExcused: () => performance.now() - envoyKilledAt < excusedMs,
  });
  await load.untilAnswered(50);
});

afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  const logs = world.parts.map((part) => `${part.name}:\n${part.output()}`);
  console.log([...diary, ...logs].join("\n"));
});

const mishaps = () => ({ failed: load.failed.slice(0, 5), wrong: load.wrong.slice(0, 5) });
const none = { failed: [], wrong: [] };

test("random changes of every kind cost no request, and no answer is another model's", {
  timeout: 300_000,
}, async () => {
  await runChanges({ world, documents, load, note }, 60);
  await load.untilAnswered(100);
  expect(mishaps()).toEqual(none);
  expect([...load.byClient.keys()].sort()).toEqual(clientKinds.map(clientName).sort());
});

test("nor do changes while one process after another is killed with -9, save what the killed Envoy had", {
  timeout: 400_000,
}, async () => {
  const victims = (["resolver", "xds-server", "nats", "envoy"] as const).flatMap((kind) => {
    const [first] = world.parts.filter((part) => part.kind === kind);
    return first ? [first] : [];
  });
  const times = await runKills({ world, documents, load, note }, victims, 3, ({ kind }) => {
    if (kind === "envoy") envoyKilledAt = performance.now();
  });
  console.log("live after the restart, ms:", times);
  expect(mishaps()).toEqual(none);
});

test("nor do changes while processes are cut off from one another, and all converges afterwards", {
  timeout: 400_000,
}, async () => {
  // Longer than anybody is waited for.
  const times = await runPartitions({ world, documents, load, note }, 12_000);
  console.log("live after the partition, ms:", times);
  expect(mishaps()).toEqual(none);
});
