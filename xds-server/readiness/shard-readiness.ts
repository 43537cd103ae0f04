import type { Shard } from "../../config/documents/shard.ts";
import type { ProbeTarget } from "./probe.ts";

/** What is known of a shard: whether one of its hosts can serve, and whether all of them can. */
export type Readiness = {
  readonly some: boolean;
  readonly all: boolean;
  /** Why not all are ready, of the first that is not. */
  readonly reason: string;
};

/** Asks shards that requests are to be sent to from now on whether they are ready. */
export type ShardReadiness = {
  /**
   * What was found within the last moments. When that is nothing, or the shard was not ready, it is asked again and again,
   * and `onChange` hears of what is new.
   */
  of(name: string, spec: Shard["spec"]): Readiness;
  /** Nobody waits for other shards than these any more. */
  keepOnly(names: ReadonlySet<string>): void;
  stop(): void;
};

export type ShardReadinessDeps = {
  /** Null for a host that is ready, or why it is not. */
  readonly probe: (target: ProbeTarget) => Promise<string | null>;
  readonly onChange: (name: string) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
  /** Between two rounds of a shard that is not ready; 250 by default. */
  readonly retryMs?: number;
};

/** A shard that was found ready is taken to be so for this long. */
const trustedForMs = 2000;
/** Hosts asked at a time. */
const hostsPerRound = 16;

type Entry = {
  readonly spec: Shard["spec"];
  found: Readiness;
  foundAtMs: number;
  isAsking: boolean;
  timer: NodeJS.Timeout | undefined;
};

export function createShardReadiness(deps: ShardReadinessDeps): ShardReadiness {
  const { probe, onChange, now, retryMs = 250 } = deps;
  const entries = new Map<string, Entry>();

  const ask = async (name: string, entry: Entry) => {
    entry.isAsking = true;
    const found = await askHosts(entry.spec, probe);
    entry.isAsking = false;
    if (entries.get(name) !== entry) return;
    const isNews =
      found.some !== entry.found.some || found.all !== entry.found.all || found.reason !== entry.found.reason;
    entry.found = found;
    entry.foundAtMs = now();
    if (!found.all) entry.timer = setTimeout(() => void ask(name, entry), retryMs);
    if (isNews) onChange(name);
  };

  const drop = (name: string, entry: Entry) => {
    clearTimeout(entry.timer);
    entries.delete(name);
  };

  return {
    of: (name, spec) => {
      const known = entries.get(name);
      const isSame = known !== undefined && isSpokenToAlike(known.spec, spec);
      if (known && isSame && (known.isAsking || !known.found.all || now() - known.foundAtMs < trustedForMs))
        return known.found;
      if (known) drop(name, known);
      const entry: Entry = { spec, found: unknown, foundAtMs: 0, isAsking: false, timer: undefined };
      entries.set(name, entry);
      void ask(name, entry);
      return unknown;
    },
    keepOnly: (names) => {
      for (const [name, entry] of entries) if (!names.has(name) && !entry.found.all) drop(name, entry);
    },
    stop: () => {
      for (const [name, entry] of entries) drop(name, entry);
    },
  };
}

const unknown: Readiness = { some: false, all: false, reason: "is being asked whether it is ready" };

async function askHosts(spec: Shard["spec"], probe: ShardReadinessDeps["probe"]): Promise<Readiness> {
  const hosts = spec.dns ? [{ address: spec.dns.hostname, port: spec.dns.port }] : (spec.endpoints ?? []);
  const asked = await Promise.all(
    hosts.slice(0, hostsPerRound).map(async ({ address, port }) => ({
      host: `${address}:${port}`,
      problem: await probe({ address, port, spec }),
    })),
  );
  const bad = asked.filter(({ problem }) => problem !== null);
  const reason = bad[0] ? `${bad[0].host} ${bad[0].problem}` : "";
  return { some: bad.length < asked.length, all: bad.length === 0, reason };
}

function isSpokenToAlike(a: Shard["spec"], b: Shard["spec"]): boolean {
  const parts = ({ protocol, endpoints, dns, healthCheck, tls }: Shard["spec"]) =>
    JSON.stringify([protocol, endpoints, dns, healthCheck, tls]);
  return a === b || parts(a) === parts(b);
}
