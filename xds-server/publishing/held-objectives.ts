import type { LiveDocuments } from "../../config/live-documents.ts";
import type { HeldObjective } from "../../rollout/process-status.ts";

/** What an objective waits for. */
export type Wait = { readonly shards: readonly string[]; readonly reason: string };

/** The objectives that stay as they are served although their documents are newer, and why. */
export type HeldObjectives = {
  /**
   * The objective stays as it was served from `before`. What it is held back for may change, not since when and on what; with
   * `wait` it is for shards.
   */
  hold(objective: string, revision: number, reason: string, before: LiveDocuments | null, wait?: Wait): void;
  end(objective: string): void;
  /** An objective is, or is to be, served from these former documents. */
  serveFrom(objective: string, documents: LiveDocuments): void;
  /** The documents from which those are served that are held back. */
  former(): ReadonlyMap<string, LiveDocuments>;
  all(): readonly HeldObjective[];
  /** Those that wait for one of these shards. */
  waitingFor(shards: ReadonlySet<string>): string[];
  /** The shards that are waited for. */
  shardsWaitedFor(): string[];
};

export function createHeldObjectives({ now }: { readonly now: () => Date }): HeldObjectives {
  const held = new Map<string, HeldObjective>();
  const formerly = new Map<string, LiveDocuments>();
  const waits = new Map<string, Wait>();

  return {
    hold: (objective, revision, reason, before, wait) => {
      const earlier = held.get(objective);
      if (!earlier && before) formerly.set(objective, before);
      const since = earlier?.since ?? now().toISOString();
      const activeRevision = earlier?.activeRevision ?? formerly.get(objective)?.revision ?? 0;
      held.set(objective, { objective, revision, activeRevision, reason, since });
      if (wait) waits.set(objective, wait);
      else waits.delete(objective);
    },
    end: (objective) => {
      held.delete(objective);
      formerly.delete(objective);
      waits.delete(objective);
    },
    serveFrom: (objective, documents) => {
      formerly.set(objective, documents);
    },
    former: () => formerly,
    all: () => [...held.values()],
    waitingFor: (due) =>
      [...waits].flatMap(([objective, { shards }]) => (shards.some((shard) => due.has(shard)) ? [objective] : [])),
    shardsWaitedFor: () => [...waits.values()].flatMap(({ shards }) => shards),
  };
}
