import type { ShardInput } from "../../config/documents/shard.ts";
import { type EchoServer, startEchoServer } from "./echo-server.ts";
import { type Load, startLoad } from "./load.ts";
import { publishAndWait, publishDocuments } from "./publish.ts";
import { sampleModel, sampleObjective, sampleShard } from "./sample-documents.ts";
import { type System, startSystem } from "./system.ts";

/**
 * A Signalbox with two objectives, `moving` and `bystander`, whose models are on the shard `good`, and a steady load on the first,
 * which is not retried.
 */
export type MovingWorld = {
  readonly system: System;
  readonly good: EchoServer;
  readonly load: Load;
  /** Publishes that the model of `moving` is on another shard. */
  moveTo(shard: string): Promise<void>;
  /** Publishes something of the bystander, and waits until it is live everywhere: nothing holds it up. */
  changeBystander(): Promise<void>;
  /** What the xds-server holds back, and why. */
  heldReasons(): Promise<Readonly<Record<string, string>>>;
  stop(): Promise<void>;
};

/** `shard`: settings of the shard `good`; `options`: those of the system. */
export async function startMovingWorld(
  shard: Partial<ShardInput["spec"]> = {},
  options: Parameters<typeof startSystem>[1] = {},
): Promise<MovingWorld> {
  const [good, system] = await Promise.all([
    startEchoServer({ name: "good" }),
    startSystem({ XDS_ROUTE_GRACE_MS: "200" }, options),
  ]);
  await publishAndWait(system, "moving", [
    sampleShard("good", [good.http1Port], shard),
    sampleModel("bystander", { "1": ["good"] }),
    sampleObjective("bystander", "bystander", "1"),
    sampleModel("moving", { "1": ["good"] }),
    sampleObjective("moving", "moving", "1", { policy: { retries: 0 } }),
  ]);
  const load = startLoad({ url: `${system.envoyUrl}/hash`, headers: { "x-routing-key": "default/moving/moving@1" } });
  await load.untilSucceeded(20);
  let bystanderTimeoutMs = 5000;
  return {
    system,
    good,
    load,
    moveTo: async (name) => {
      await publishDocuments(system.natsUrl, [sampleModel("moving", { "1": [name] })]);
    },
    changeBystander: async () => {
      bystanderTimeoutMs += 1;
      const policy = { timeoutMs: bystanderTimeoutMs };
      await publishAndWait(system, "bystander", [sampleObjective("bystander", "bystander", "1", { policy })]);
    },
    heldReasons: async () => {
      const status = (await (await fetch(`${system.xdsUrl}/v1/status`)).json()) as {
        rollout?: { held: { objective: string; reason: string }[] };
      };
      return Object.fromEntries((status.rollout?.held ?? []).map(({ objective, reason }) => [objective, reason]));
    },
    stop: async () => {
      await load.stop();
      await system.stop();
      await good.stop();
    },
  };
}
