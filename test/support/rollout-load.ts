import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./processes.ts";
import { type ClientKind, clientKinds, clientName, createDeciders, type Decision } from "./rollout-clients.ts";
import { openTransport, type TransportAnswer, type TransportProtocol } from "./rollout-transports.ts";
import type { TcpProxy } from "./tcp-proxy.ts";
import type { ValidModels } from "./valid-models.ts";

/** A request that failed, or that a model answered which was not decided, or not to be decided then. */
export type Mishap = {
  readonly at: string;
  readonly objective: string;
  readonly client: string;
  readonly what: string;
};

export type RolloutLoad = {
  answered(): number;
  /** Answers by kind of client, such as `local SDK, grpc`. */
  readonly byClient: ReadonlyMap<string, number>;
  readonly failed: readonly Mishap[];
  readonly wrong: readonly Mishap[];
  /** When an answer of this kind (`<objective> <model>@<version>`) was last given for a fresh decision, as `performance.now()`. */
  readonly lastAnswered: ReadonlyMap<string, number>;
  untilAnswered(more: number): Promise<void>;
  /** Resolves once every kind of client has had an answer. */
  untilUnderWay(): Promise<void>;
  stop(): Promise<void>;
};

export type RolloutLoadOptions = {
  readonly resolverUrls: readonly string[];
  readonly clientNatsUrl: string;
  /** The keyed and the one-call listener of the Envoys. */
  readonly envoyUrl: string;
  readonly oneCallUrl: string;
  /** Asked before each request. */
  readonly objective: (protocol: TransportProtocol) => string;
  readonly valid: Pick<ValidModels, "wasValid">;
  readonly random: () => number;
  readonly pauseMs?: number;
  /** Whether a lost connection to an Envoy at this time is that of a process that was killed. */
  readonly isExcused?: () => boolean;
  /** What it passes through to a model; while that is cut, the model is of no use. */
  readonly links?: { readonly "envoy-shard": Pick<TcpProxy, "wasCut"> };
};

/** How long after a model could not be reached Envoy may still think so. */
const shardBackMs = 5000;

/**
 * Clients as the real ones, one of each kind: over HTTP/1.1, HTTP/2 and gRPC, who ask a resolver themselves, use the SDK in one of
 * its modes, or leave the decision to Envoy.
 */
export function startRolloutLoad(options: RolloutLoadOptions): RolloutLoad {
  const { envoyUrl, oneCallUrl, objective, valid, pauseMs = 2, isExcused = () => false } = options;
  /** Of the models that may be cut off, none speaks gRPC. */
  const mayBeCutOff = (protocol: TransportProtocol) =>
    protocol !== "grpc" && (options.links?.["envoy-shard"].wasCut(shardBackMs) ?? false);
  const failed: Mishap[] = [];
  const wrong: Mishap[] = [];
  const lastAnswered = new Map<string, number>();
  const byClient = new Map<string, number>();
  const folder = mkdtempSync(join(tmpdir(), "signalbox-load-"));
  const deciders = createDeciders({ ...options, folder });
  let answered = 0;
  let isStopped = false;

  /** What is wrong with an answer; null is nothing. */
  const judge = (name: string, decision: Decision, answer: TransportAnswer): [Mishap[], string] | null => {
    const { status, headers, body } = answer;
    if (status !== 200) return [failed, `${status} ${body}`];
    const fallback = headers["x-signalbox-fallback"];
    if (fallback) return [failed, `the default answered: ${fallback}`];
    const model = String(headers["x-signalbox-model"]);
    if (decision.model !== null && model !== decision.model) return [wrong, `${model} answered`];
    return valid.wasValid(name, model, decision.sinceMs) ? null : [wrong, `${model} was not to be decided then`];
  };

  const worker = async ({ way, protocol }: ClientKind) => {
    const client = clientName({ way, protocol });
    const decider = deciders.open(way);
    const transport = openTransport(protocol, way === "one-call" ? oneCallUrl : envoyUrl);
    const ask = async (name: string) => {
      const note = (list: Mishap[], what: string) =>
        list.push({ at: new Date().toISOString(), objective: name, client, what });
      const decision = await decider.decide(name).catch((error: unknown) => {
        note(failed, `undecided: ${error instanceof Error ? error.message : error}`);
        return null;
      });
      if (!decision) return;
      const key = decision.headers["x-routing-key"] ?? "one call";
      try {
        const answer = await transport.send(decision.headers);
        if ((answer.status === 503 || answer.status === 504) && mayBeCutOff(protocol)) return;
        const mishap = judge(name, decision, answer);
        if (mishap) return note(mishap[0], `${key}: ${mishap[1]}`);
        answered++;
        byClient.set(client, (byClient.get(client) ?? 0) + 1);
        const model = String(answer.headers["x-signalbox-model"]);
        if (decision.isFresh) lastAnswered.set(`${name} ${model}`, performance.now());
      } catch (error) {
        if (!isExcused() && !mayBeCutOff(protocol))
          note(failed, `${key}: ${error instanceof Error ? error.message : error}`);
      }
    };
    while (!isStopped) {
      await ask(objective(protocol));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    decider.close();
    transport.close();
  };

  const all = clientKinds.map(worker);
  return {
    answered: () => answered,
    byClient,
    failed,
    wrong,
    lastAnswered,
    untilAnswered: async (more) => {
      const wanted = answered + more;
      const deadline = Date.now() + 60_000;
      while (answered < wanted) {
        if (Date.now() > deadline)
          throw new Error(`${answered} of ${wanted} answered; ${JSON.stringify(failed.at(-1))}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    untilUnderWay: async () => {
      await eventually("an answer for every kind of client", () => byClient.size === clientKinds.length, 60_000);
    },
    stop: async () => {
      isStopped = true;
      await Promise.all(all);
      await deciders.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
