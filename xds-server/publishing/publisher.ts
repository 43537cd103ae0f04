import type { LiveDocuments } from "../../config/live-documents.ts";
import { nextCommitNumber } from "../reporting/commit-number.ts";
import type { ResourceChanges } from "./resource-changes.ts";
import type { Views } from "./views.ts";

export type PublisherDeps = {
  /** The documents: what is in force now, and a call when that changes. */
  readonly documents: {
    current(): LiveDocuments;
    subscribe(listener: (live: LiveDocuments) => void): () => void;
    /** Resolves when `current()` is worth serving. */
    readonly started: Promise<void>;
  };
  readonly changes: ResourceChanges;
  /** Who is served; every group gets its part of each commit. */
  readonly views: Pick<Views, "prepare" | "apply">;
  /** Calls its listener when `changes` has something to do though no document changed. */
  readonly due?: { subscribe(listener: () => void): () => void };
  readonly onPublished: (published: Published) => void;
  /** It was looked again at what waits, and the commit of this number goes on to be the newest. */
  readonly onUnchanged?: (commit: number) => void;
  readonly signal: AbortSignal;
};

/** One commit to the Envoys. */
export type Published = {
  /** The store revision that it brings the Envoys to. */
  readonly revision: number;
  /** The number under which the protocol layer knows it. */
  readonly commit: number;
  /** Resources set or removed, all groups together. */
  readonly changed: number;
  readonly durationMs: number;
};

/**
 * Keeps the Envoys' resources in step with the documents: each state of the documents becomes one commit. States that come
 * while one is being worked on are skipped in favour of the latest. Resolves when `signal` aborts; rejects on a defect.
 */
export async function publishDocuments(deps: PublisherDeps): Promise<void> {
  const { documents, changes, views, signal } = deps;
  const aborted = whenAborted(signal);
  let wake = Promise.withResolvers<void>();
  let isDue = false;
  const unsubscribe = documents.subscribe(() => wake.resolve());
  const unsubscribeDue = deps.due?.subscribe(() => {
    isDue = true;
    wake.resolve();
  });
  try {
    await Promise.race([documents.started, aborted]);
    let published: LiveDocuments | null = null;
    let commit = 0;
    while (!signal.aborted) {
      wake = Promise.withResolvers<void>();
      const live = documents.current();
      if (live !== published || isDue) {
        isDue = false;
        const startedAt = performance.now();
        const updates = await changes.update(live);
        if (updates.length === 0 && live === published) {
          deps.onUnchanged?.(commit);
          continue;
        }
        const prepared = await views.prepare(updates);
        commit = nextCommitNumber(commit, live.revision);
        const changed = views.apply(prepared, { revision: commit });
        published = live;
        deps.onPublished({ revision: live.revision, commit, changed, durationMs: performance.now() - startedAt });
      }
      await Promise.race([wake.promise, aborted]);
    }
  } finally {
    unsubscribe();
    unsubscribeDue?.();
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
