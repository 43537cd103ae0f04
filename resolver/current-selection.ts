import type { LiveDocuments } from "../config/live-documents.ts";
import { compileSelection, type Selection } from "../selection/selector.ts";
import type { Logger } from "../service/logger.ts";

/** The part of a follower that is needed here. */
export type DocumentSource = {
  current(): LiveDocuments;
  subscribe(listener: (live: LiveDocuments) => void): () => void;
  /** Resolves when there are documents to work with. */
  readonly started: Promise<void>;
};

export type CurrentSelection = {
  /** The objectives in force, compiled; null until there are documents. Each call of the resolver asks once. */
  get(): Selection | null;
  stop(): void;
};

/** Keeps the objectives compiled: every change of the documents makes a new whole, swapped in at once. */
export function createCurrentSelection(source: DocumentSource, logger: Logger): CurrentSelection {
  let selection: Selection | null = null;
  const take = (live: LiveDocuments) => {
    const next = compileSelection(live, selection ?? undefined);
    for (const [objective, reason] of next.failures) {
      if (selection?.failures.get(objective) !== reason)
        logger.error({ objective, reason }, "objective cannot be compiled; its last good form answers");
    }
    selection = next;
  };
  const stop = source.subscribe(take);
  // An empty store changes nothing, so no listener hears that it is ready.
  void source.started.then(() => {
    if (selection === null) take(source.current());
  });
  return { get: () => selection, stop };
}
