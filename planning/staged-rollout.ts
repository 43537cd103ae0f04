import { apiVersion } from "../config/documents/common.ts";
import type { DocumentId } from "../config/documents/document.ts";
import { type Pin, pinSchema } from "../config/documents/pin.ts";
import { limits } from "../config/limits.ts";
import type { LiveDocuments, StoredEntry } from "../config/live-documents.ts";
import { affectedObjectives } from "../config/relations/needs.ts";

/** A pin that carries a change from one group of resolvers and Envoys to the next. */
export type StagedPin = Pin & { readonly spec: { readonly rollout: NonNullable<Pin["spec"]["rollout"]> } };

export type StagedRolloutSettings = {
  readonly id: Omit<DocumentId, "kind">;
  /** Groups in the order in which they get the change; all others come last. At least one. */
  readonly stages: readonly string[];
  /** Between two stages; null waits for a confirmation. */
  readonly pauseMs: number | null;
  readonly before: LiveDocuments;
  readonly after: LiveDocuments;
  /** The key of each document of the change to the revision that is stored of it now; 0 for none. */
  readonly revisions: Readonly<Record<string, number>>;
};

/** The objectives (names) of a namespace that a change touches. */
export function touchedObjectives(before: LiveDocuments, after: LiveDocuments, namespace: string): string[] {
  const own = [...affectedObjectives(before, after)].filter((name) => name.startsWith(`${namespace}/`));
  return own.map((name) => name.slice(namespace.length + 1)).sort();
}

/**
 * The pin that is published together with a change: at first only the first group activates it. All of the namespace is
 * held when the change touches more objectives than a pin names.
 */
export function firstStage(settings: StagedRolloutSettings): StagedPin {
  const { id, stages, pauseMs, before, after, revisions } = settings;
  const objectives = touchedObjectives(before, after, id.namespace);
  return pinSchema.parse({
    apiVersion,
    kind: "Pin",
    metadata: id,
    spec: {
      ...(objectives.length <= limits.objectivesPerPin ? { objectives } : {}),
      revision: before.revision,
      exceptGroups: stages.slice(0, 1),
      rollout: { stages, stage: 0, ...(pauseMs === null ? {} : { pauseMs }), before: revisions },
    },
  }) as StagedPin;
}

/** The pin with which one more group gets the change; null when all others come next, and the pin goes. */
export function nextStage(pin: StagedPin): StagedPin | null {
  const { stages, stage } = pin.spec.rollout;
  if (stage + 1 >= stages.length) return null;
  const rollout = { ...pin.spec.rollout, stage: stage + 1, paused: false };
  return { ...pin, spec: { ...pin.spec, exceptGroups: stages.slice(0, stage + 2), rollout } };
}

/** The pin with another state of its pause. */
export function withPaused(pin: StagedPin, paused: boolean): StagedPin {
  return { ...pin, spec: { ...pin.spec, rollout: { ...pin.spec.rollout, paused } } };
}

export function isStaged(pin: Pin): pin is StagedPin {
  return pin.spec.rollout !== undefined;
}

/** What an abort does to one document of the change. */
export type Undo =
  | { readonly key: string; readonly to: "deleted" | StoredEntry; readonly expectedRevision: number }
  /** It was published again since, and stays as it is. */
  | { readonly key: string; readonly to: "left"; readonly revision: number };

/**
 * What an abort does with each document of a staged change. `histories` are the stored revisions of the documents, oldest
 * first; `published` is the store revision of the pin's first publication: the documents of its batch come right after it.
 * Throws an Error with the key when the revision before the change is no longer kept.
 */
export function undoOf(
  pin: StagedPin,
  published: number,
  histories: ReadonlyMap<string, readonly StoredEntry[]>,
): Undo[] {
  const { before } = pin.spec.rollout;
  const last = published + Object.keys(before).length;
  return Object.entries(before).map(([key, revision]): Undo => {
    const entries = histories.get(key) ?? [];
    const current = entries.at(-1)?.revision ?? 0;
    if (current > last || current < published) return { key, to: "left", revision: current };
    if (revision === 0) return { key, to: "deleted", expectedRevision: current };
    const former = entries.find((entry) => entry.revision === revision);
    if (!former) throw new Error(`${key}: its revision ${revision} from before the change is no longer kept`);
    return former.value === null
      ? { key, to: "deleted", expectedRevision: current }
      : { key, to: former, expectedRevision: current };
  });
}
