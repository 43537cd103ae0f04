import { setTimeout as delay } from "node:timers/promises";
import { anySignal } from "../../config/any-signal.ts";
import { deferred } from "../../config/deferred.ts";
import { backoffMs } from "../../config/store/backoff.ts";
import type { Resolution } from "../../selection/resolution.ts";
import { messageOf } from "../client-error.ts";
import type { EventListener } from "../events.ts";
import type { DefaultsFile, DefaultsOfNamespace } from "./defaults-file.ts";
import type { ResolverPool } from "./resolver-pool.ts";

/** The default answer of every objective, known before anybody asks: what is left when no resolver answers. */
export type KnownDefaults = {
  /** `objective` is `<namespace>/<name>`. */
  get(objective: string): Resolution | undefined;
  /** From now on those of this namespace are kept too. */
  want(namespace: string): void;
  /** Resolves when there are some, from a resolver or from the file. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
};

export type KnownDefaultsDeps = {
  readonly pool: Pick<ResolverPool, "ask">;
  readonly namespace: string;
  /** Null keeps them in memory only. */
  readonly file: DefaultsFile | null;
  readonly refreshMs: number;
  readonly emit: EventListener;
};

const namespacesAtMost = 64;

/**
 * Asks the resolvers for the defaults at the start and every `refreshMs`, and writes them down. Until a resolver has
 * answered, those of the file count.
 */
export function createKnownDefaults(deps: KnownDefaultsDeps): KnownDefaults {
  const { pool, file, emit } = deps;
  const stopping = new AbortController();
  const ready = deferred<void>();
  const versions = new Map<string, DefaultsOfNamespace>();
  const byObjective = new Map<string, Resolution>();
  const wanted = new Set([deps.namespace]);
  let wake = new AbortController();

  const take = (defaults: DefaultsOfNamespace) => {
    for (const { objective } of versions.get(defaults.namespace)?.resolutions ?? []) byObjective.delete(objective);
    versions.set(defaults.namespace, defaults);
    for (const resolution of defaults.resolutions) byObjective.set(resolution.objective, resolution);
    ready.resolve();
  };

  const refresh = async (namespace: string): Promise<boolean> => {
    const known = versions.get(namespace)?.version;
    const fresh = await pool.ask((transport, signal) => transport.defaults(namespace, known, signal));
    if (fresh === null) return false;
    take({ namespace, ...fresh });
    return true;
  };

  const refreshAll = async () => {
    let isChanged = false;
    for (const namespace of [...wanted]) isChanged = (await refresh(namespace)) || isChanged;
    if (!isChanged) return;
    emit({ type: "changed" });
    await file?.save([...versions.values()]).catch((error: unknown) => {
      emit({ type: "snapshot-not-written", reason: messageOf(error) });
    });
  };

  const run = async () => {
    const loaded = (await file?.load(emit)) ?? [];
    for (const defaults of loaded) take(defaults);
    for (let failures = 0; !stopping.signal.aborted; ) {
      wake = new AbortController();
      failures = await refreshAll().then(
        () => 0,
        () => failures + 1,
      );
      const waitMs = failures === 0 ? deps.refreshMs * (0.9 + Math.random() / 5) : backoffMs(failures);
      const signal = anySignal([stopping.signal, wake.signal]);
      await delay(waitMs, undefined, { ref: false, signal }).catch(() => undefined);
    }
  };

  const ended = run();
  return {
    get: (objective) => byObjective.get(objective),
    want: (namespace) => {
      if (wanted.has(namespace) || wanted.size >= namespacesAtMost) return;
      wanted.add(namespace);
      wake.abort();
    },
    ready: ready.promise,
    close: async () => {
      stopping.abort();
      await ended;
    },
  };
}
