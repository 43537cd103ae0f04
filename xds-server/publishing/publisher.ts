import type { LiveDocuments } from "../../config/live-documents.ts";
import type { ResourceChange, SnapshotStore } from "../protocol/snapshot.ts";
import type { Resource } from "../resources/resource.ts";
import type { ResourceChanges } from "./resource-changes.ts";

export type PublisherDeps = {
  /** The documents: what is in force now, and a call when that changes. */
  readonly documents: {
    current(): LiveDocuments;
    subscribe(listener: (live: LiveDocuments) => void): () => void;
    /** Resolves when `current()` is worth serving. */
    readonly started: Promise<void>;
  };
  readonly changes: ResourceChanges;
  readonly store: SnapshotStore;
  /** Who is served; every group gets its part of each commit, all in one turn of the event loop. */
  readonly groups: readonly AudienceGroup[];
  readonly onPublished: (published: Published) => void;
  readonly signal: AbortSignal;
};

/** A node group of the xDS server, and what of the resources it gets. */
export type AudienceGroup = {
  readonly name: string;
  /** What it has whatever the documents say; part of the first commit. */
  readonly common: readonly Resource[];
  /** Whether it gets resources of this type that come from documents. */
  gets(typeUrl: string): boolean;
};

/** One commit to the Envoys. */
export type Published = {
  /** The store revision that it brings the Envoys to. */
  readonly revision: number;
  /** Resources set or removed, all groups together. */
  readonly changed: number;
  readonly durationMs: number;
};

/**
 * Keeps the Envoys' resources in step with the documents: each state of the documents becomes one commit. States that come
 * while one is being worked on are skipped in favour of the latest. Resolves when `signal` aborts; rejects on a defect.
 */
export async function publishDocuments(deps: PublisherDeps): Promise<void> {
  const { documents, changes, store, groups, signal } = deps;
  const aborted = whenAborted(signal);
  let wake = Promise.withResolvers<void>();
  const unsubscribe = documents.subscribe(() => wake.resolve());
  try {
    await Promise.race([documents.started, aborted]);
    let published: LiveDocuments | null = null;
    while (!signal.aborted) {
      wake = Promise.withResolvers<void>();
      const live = documents.current();
      if (live !== published) {
        const startedAt = performance.now();
        const all = await changes.update(live);
        let changed = 0;
        for (const { name, common, gets } of groups) {
          const own: ResourceChange[] = published ? [] : common.map(asChange);
          const its = [...own, ...all.filter(({ typeUrl }) => gets(typeUrl))];
          changed += store.apply(name, its, { revision: live.revision }).changed;
        }
        published = live;
        deps.onPublished({ revision: live.revision, changed, durationMs: performance.now() - startedAt });
      }
      await Promise.race([wake.promise, aborted]);
    }
  } finally {
    unsubscribe();
  }
}

function asChange(resource: Resource): ResourceChange {
  return { typeUrl: resource.typeUrl, name: resource.name, resource: resource.encode() };
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
