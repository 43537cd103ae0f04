import { connect } from "@nats-io/transport-node";
import { eventually } from "./processes.ts";
import type { RandomDocuments } from "./rollout-changes.ts";
import type { RolloutLoad } from "./rollout-load.ts";
import {
  publishTo,
  type RolloutWorld,
  untilLive,
  untilWhole,
  type WorldChange,
  type WorldPart,
} from "./rollout-world.ts";

export type Run = {
  readonly world: RolloutWorld;
  readonly documents: RandomDocuments;
  readonly load: RolloutLoad;
  /** Hears what is done, as it is done. */
  readonly note?: (what: string) => void;
};

/** How long a change took from the command until it was live everywhere. */
export type ChangeTime = { readonly kind: string; readonly liveMs: number };

/** Publishes so many random changes, one after the other, each once the one before is live. */
export async function runChanges({ world, documents, load, note }: Run, count: number): Promise<ChangeTime[]> {
  const times: ChangeTime[] = [];
  const store = await world.store();
  for (let n = 0; n < count; n++) {
    const { kind, garbage, ...change } = documents.next();
    const startedAt = performance.now();
    note?.(described(kind, change));
    if (garbage !== undefined) await putGarbage(world.natsUrl, garbage);
    else {
      await untilLive(world, await publishTo(store, change));
      documents.valid.settled();
      times.push({ kind, liveMs: performance.now() - startedAt });
    }
    await load.untilAnswered(3);
  }
  return times;
}

/** What somebody may put there with any NATS client. */
async function putGarbage(natsUrl: string, key: string): Promise<void> {
  const connection = await connect({ servers: natsUrl });
  connection.publish(`$KV.signalbox.${key}`, "garbage");
  await connection.drain();
}

/** Publishes a change, trying again while NATS is away. */
async function publishEventually({ world, documents, note }: Run): Promise<number> {
  const { kind, garbage, ...change } = documents.next();
  if (garbage !== undefined) return 0;
  const publish = async () => await publishTo(await world.store(), change);
  const revision = await eventually("NATS takes a change", publish, 60_000);
  note?.(`revision ${revision}: ${described(kind, change)}`);
  return revision;
}

function described(kind: string, { documents = [], deleted = [] }: WorldChange): string {
  return `${kind} ${JSON.stringify([...documents, ...deleted])}`;
}

/**
 * Kills a process with -9, publishes, starts it again and waits until the change is live, over and over; `onKill` hears of
 * each before it happens. Answers with how long each took to be live everywhere after the restart.
 */
export async function runKills(
  run: Run,
  victims: readonly WorldPart[],
  changesPerKill: number,
  onKill: (part: WorldPart) => void,
): Promise<ChangeTime[]> {
  const times: ChangeTime[] = [];
  for (const victim of victims) {
    onKill(victim);
    run.note?.(`kills ${victim.name}`);
    await victim.kill();
    let revision = 0;
    if (victim.kind !== "nats") {
      for (let n = 0; n < changesPerKill; n++) revision = Math.max(revision, await publishEventually(run));
    }
    await victim.start();
    run.note?.(`${victim.name} is back`);
    const startedAt = performance.now();
    if (victim.kind === "nats") {
      for (let n = 0; n < changesPerKill; n++) revision = Math.max(revision, await publishEventually(run));
    }
    await untilWhole(run.world);
    if (revision > 0) await untilLive(run.world, revision, { timeoutMs: 90_000 });
    run.documents.valid.settled();
    times.push({ kind: victim.kind, liveMs: performance.now() - startedAt });
    await run.load.untilAnswered(20);
  }
  return times;
}

/**
 * Cuts each link for so long while changes are published, and answers with how long it took, after it was mended, until it was used
 * again, everybody was there who was before, and all was live.
 */
export async function runPartitions(run: Run, durationMs: number): Promise<ChangeTime[]> {
  const times: ChangeTime[] = [];
  for (const [name, link] of Object.entries(run.world.links)) {
    const before = present(run.world);
    const endsAt = Date.now() + durationMs;
    link.cut();
    run.note?.(`cuts ${name}`);
    let revision = 0;
    while (Date.now() < endsAt) {
      revision = Math.max(revision, await publishEventually(run));
      await run.load.untilAnswered(20);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    link.mend();
    run.note?.(`mends ${name}`);
    const startedAt = performance.now();
    // An Envoy that went to another xds-server stays there.
    const isUsed = () => name === "envoy-xds-server" || link.isUsed();
    const isBack = () => {
      const now = present(run.world);
      return isUsed() && [...before].every((each) => now.has(each));
    };
    await eventually(`${name}: all are back`, isBack, 60_000);
    await untilLive(run.world, revision, { timeoutMs: 90_000 });
    run.documents.valid.settled();
    times.push({ kind: name, liveMs: performance.now() - startedAt });
    await run.load.untilAnswered(20);
  }
  return times;
}

/** Every process that is alive, and every Envoy that counts. */
function present({ statuses }: Pick<RolloutWorld, "statuses">): ReadonlySet<string> {
  const all = statuses.current() ?? [];
  const envoys = all.flatMap((each) => each.envoys ?? []).filter(({ counts }) => counts);
  return new Set([...all.map(({ id }) => id), ...envoys.map(({ nodeId }) => nodeId)]);
}
