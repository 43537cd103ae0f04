import { Agent } from "node:http";
import { createSignalbox, type Signalbox } from "../../client/index.ts";
import { post, type TransportProtocol } from "./rollout-transports.ts";

/** What a client sends with a request, and what it may be answered by. */
export type Decision = {
  readonly headers: Readonly<Record<string, string>>;
  /** `<model>@<version>`; null where Envoy decides. */
  readonly model: string | null;
  /** It was decided after this, as `performance.now()`. */
  readonly sinceMs: number;
  /** It was decided for this request. */
  readonly isFresh: boolean;
};

/** A way to come to a decision. */
export type Decider = {
  /** Null when nobody could decide. */
  decide(objective: string): Promise<Decision | null>;
  close(): void;
};

export type Deciders = {
  open(way: DecidingWay): Decider;
  close(): Promise<void>;
};

export const ways = ["resolver", "remote SDK", "local SDK", "one-call"] as const;
export type DecidingWay = (typeof ways)[number];

export type DecidersOptions = {
  readonly resolverUrls: readonly string[];
  readonly clientNatsUrl: string;
  /** Of this load alone. */
  readonly folder: string;
  readonly random: () => number;
};

/** The group of the SDK that decides by itself, so that it can be told from resolvers. */
export const loadGroup = "load";

/** How long after its time a client gives an answer; less than the shortest grace of routes in tests. */
const staleMs = 200;

/** The ways in which clients come to a decision: by hand, by the SDK in both modes, and by leaving it to Envoy. */
export function createDeciders(options: DecidersOptions): Deciders {
  const { resolverUrls, clientNatsUrl, folder } = options;
  // The machine may be busy: nobody shall take another resolver for that reason.
  const patient = { timeoutMs: 20_000 };
  const remote = createSignalbox({ ...patient, resolverUrl: resolverUrls, staleMs });
  const local = createSignalbox({
    ...patient,
    nats: { servers: clientNatsUrl, group: loadGroup },
    snapshotFolder: folder,
  });
  return {
    open: (way) => {
      if (way === "one-call") return oneCall(options);
      if (way === "resolver") return byHand(options);
      return bySdk(way === "local SDK" ? local : remote, options);
    },
    close: async () => {
      await Promise.all([remote.close(), local.close()]);
    },
  };
}

function contextOf(random: () => number) {
  return { userId: `user-${Math.floor(random() * 1000)}`, level: Math.floor(random() * 100) };
}

/** Each answer of a resolver is reused for its time to live. */
function byHand({ resolverUrls, random }: DecidersOptions): Decider {
  const agent = new Agent({ keepAlive: true });
  const cache = new Map<string, Decision & { readonly endsAtMs: number }>();
  const ask = async (objective: string) => {
    const body = JSON.stringify({ objective, context: contextOf(random) });
    const first = Math.floor(random() * resolverUrls.length);
    for (let attempt = 0; attempt < resolverUrls.length; attempt++) {
      const sinceMs = performance.now();
      const url = `${resolverUrls[(first + attempt) % resolverUrls.length]}/v1/resolve`;
      const answer = await post(url, { "content-type": "application/json" }, body, agent).catch(() => null);
      if (answer?.status !== 200) continue;
      const { routingKey, config, ttlMs } = JSON.parse(answer.body);
      const headers = { "x-routing-key": String(routingKey) };
      const model = `${config.model}@${config.version}`;
      return { headers, model, sinceMs, isFresh: true, endsAtMs: performance.now() + ttlMs };
    }
    return null;
  };
  return {
    decide: async (objective) => {
      const known = cache.get(objective);
      if (known && performance.now() < known.endsAtMs) return { ...known, isFresh: false };
      const decision = await ask(objective);
      if (decision) cache.set(objective, decision);
      return decision;
    },
    close: () => agent.destroy(),
  };
}

function bySdk(client: Signalbox, { random }: DecidersOptions): Decider {
  return {
    decide: async (objective) => {
      const startedAt = performance.now();
      const answer = await client.resolve(objective, contextOf(random));
      const isFresh = answer.source === "resolver" || answer.source === "local";
      return {
        headers: answer.headers,
        model: `${answer.config.model}@${answer.config.version}`,
        sinceMs: isFresh ? startedAt : startedAt - answer.ttlMs - staleMs,
        isFresh,
      };
    },
    close: () => {},
  };
}

/** Envoy decides, by itself or by asking a resolver. */
function oneCall({ random }: DecidersOptions): Decider {
  return {
    decide: async (objective) => {
      const { userId, level } = contextOf(random);
      const context = { "x-signalbox-context-userid": userId, "x-signalbox-context-level": String(level) };
      const headers = { "x-signalbox-objective": `default/${objective}`, ...context };
      return { headers, model: null, sinceMs: performance.now(), isFresh: true };
    },
    close: () => {},
  };
}

export type ClientKind = { readonly way: DecidingWay; readonly protocol: TransportProtocol };

/** Such as `local SDK, grpc`. */
export function clientName({ way, protocol }: ClientKind): string {
  return `${way}, ${protocol}`;
}

/** Who sends how: every way to decide, and every protocol. */
export const clientKinds: readonly ClientKind[] = [
  { way: "resolver", protocol: "http1" },
  { way: "resolver", protocol: "http2" },
  { way: "remote SDK", protocol: "http1" },
  { way: "remote SDK", protocol: "grpc" },
  { way: "local SDK", protocol: "http2" },
  { way: "local SDK", protocol: "grpc" },
  { way: "one-call", protocol: "http1" },
  { way: "one-call", protocol: "http2" },
  { way: "one-call", protocol: "grpc" },
];
