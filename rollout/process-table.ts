import type { ProcessStatus } from "./process-status.ts";

/** The processes that this one has heard of, judged by its own clock alone: whose clock is right does not matter. */
export type ProcessTable = {
  /** Takes in an entry of the status bucket; null is a process that said goodbye. `isStored`: it was said some time ago. */
  note(key: string, status: ProcessStatus | null, isStored?: boolean): void;
  /** NATS is back after it was away: whoever was alive when it went is given a whole lifetime to report again. */
  resume(): void;
  /** NATS is away: from now on nobody can be heard, and who is alive now stays so until it is back. */
  suspend(): void;
  /** Those heard of within a lifetime, by process and id. */
  alive(): readonly ProcessStatus[];
  /** Besides those alive, the ones that vanished without a goodbye less than `forMs` ago, with their last status. */
  remembered(forMs: number): readonly ProcessStatus[];
  /** Those who said their last status after this, by the clock of this process. */
  saidAfter(atMs: number): readonly ProcessStatus[];
  /** Everybody it has heard of in the last day, by entry, to be written down; {@link ProcessTable.restore} takes it in again. */
  silences(): ReadonlyMap<string, Silence>;
  /** What a former process had heard: whoever that was is remembered, and alive only once it is heard of again. */
  restore(silences: ReadonlyMap<string, Silence>): void;
};

/** What a process said last, and for how many milliseconds of listening it has said nothing. */
export type Silence = { readonly status: ProcessStatus; readonly silentMs: number };

type Entry = {
  readonly status: ProcessStatus;
  heardAtMs: number;
  /** When it was said at the earliest, as far as that is known. */
  readonly saidAtMs: number;
  readonly isRestored: boolean;
};

/** Vanished processes are forgotten after this, whoever asks: a day. */
const forgottenAfterMs = 24 * 3600 * 1000;

/** `now`: milliseconds of a clock that never jumps. */
export function createProcessTable(deps: { readonly lifetimeMs: number; readonly now: () => number }): ProcessTable {
  const { lifetimeMs, now } = deps;
  const entries = new Map<string, Entry>();
  let suspendedAtMs: number | null = null;

  const within = (durationMs: number, counts: (entry: Entry) => boolean = () => true) => {
    const at = suspendedAtMs ?? now();
    const found = [...entries.values()].filter((entry) => at - entry.heardAtMs < durationMs && counts(entry));
    return found.map(({ status }) => status).sort(byProcess);
  };

  return {
    note: (key, status, isStored = false) => {
      const saidAtMs = isStored ? Number.NEGATIVE_INFINITY : now();
      if (status === null) entries.delete(key);
      else entries.set(key, { status, heardAtMs: now(), saidAtMs, isRestored: false });
      for (const [each, { heardAtMs }] of entries) if (now() - heardAtMs > forgottenAfterMs) entries.delete(each);
    },
    suspend: () => {
      suspendedAtMs ??= now();
    },
    resume: () => {
      if (suspendedAtMs === null) return;
      for (const entry of entries.values()) {
        if (suspendedAtMs - entry.heardAtMs < lifetimeMs) entry.heardAtMs = now();
      }
      suspendedAtMs = null;
    },
    silences: () => {
      const at = suspendedAtMs ?? now();
      return new Map([...entries].map(([key, { status, heardAtMs }]) => [key, { status, silentMs: at - heardAtMs }]));
    },
    restore: (silences) => {
      for (const [key, { status, silentMs }] of silences) {
        if (!entries.has(key)) {
          entries.set(key, {
            ...{ status, heardAtMs: now() - silentMs },
            ...{ saidAtMs: Number.NEGATIVE_INFINITY, isRestored: true },
          });
        }
      }
    },
    saidAfter: (atMs) => [...entries.values()].flatMap(({ status, saidAtMs }) => (saidAtMs > atMs ? [status] : [])),
    alive: () => within(lifetimeMs, ({ isRestored }) => !isRestored),
    remembered: (forMs) => within(Math.max(lifetimeMs, forMs)),
  };
}

function byProcess(a: ProcessStatus, b: ProcessStatus): number {
  return `${a.process}/${a.id}` < `${b.process}/${b.id}` ? -1 : 1;
}
