import { documentId, documentKey } from "../../config/documents/document.ts";
import type { Pin } from "../../config/documents/pin.ts";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { holdsEverywhere } from "../../config/pins.ts";
import type { FormerDocuments } from "../../rollout/former-documents.ts";

export type PinnedDocumentsDeps = {
  /** The documents as they were at a former store revision. */
  readonly history: (revision: number) => Promise<LiveDocuments>;
  /** They are not known: what the pin holds is served as it is newest until they are. */
  readonly onMissing: (pin: Pin, error: unknown) => void;
  /** How long the history is waited for, because everything else waits with it; 5,000 by default. */
  readonly patienceMs?: number;
};

/** The documents at which pins hold groups of Envoys. */
export type PinnedDocuments = {
  /** Finds those of the pins in `live`, which follows `before`; tells whether any form may be for others than it was. */
  prepare(live: LiveDocuments, before: LiveDocuments | null): Promise<boolean>;
  /** The documents at which a pin holds its groups; undefined when they cannot be found. */
  of(pin: Pin): LiveDocuments | undefined;
  /** By the key of the pin, to be written down; {@link PinnedDocuments.restore} takes them in again. */
  all(): FormerDocuments;
  restore(documents: FormerDocuments): void;
};

export function createPinnedDocuments(deps: PinnedDocumentsDeps): PinnedDocuments {
  const { history, onMissing, patienceMs = 5000 } = deps;
  let known = new Map<string, LiveDocuments>();

  const find = async (pin: Pin, before: LiveDocuments | null): Promise<LiveDocuments | undefined> => {
    const revision = revisionOf(pin);
    if (before?.revision === revision) return before;
    for (const documents of known.values()) if (documents.revision === revision) return documents;
    try {
      return await within(patienceMs, history(revision));
    } catch (error) {
      onMissing(pin, error);
      return undefined;
    }
  };

  return {
    prepare: async (live, before) => {
      const isSame = live.pins === before?.pins;
      if (isSame && [...live.pins.values()].every(({ document }) => isKnown(known, document))) return false;
      const former = known;
      const next = new Map<string, LiveDocuments>();
      for (const { document: pin } of live.pins.values()) {
        if (holdsEverywhere(pin)) continue;
        const documents = isKnown(known, pin) ? known.get(keyOf(pin)) : await find(pin, before);
        if (documents) next.set(keyOf(pin), documents);
      }
      known = next;
      return !isSame || next.size !== former.size;
    },
    of: (pin) => (isKnown(known, pin) ? known.get(keyOf(pin)) : undefined),
    all: () => known,
    restore: (documents) => {
      known = new Map(documents);
    },
  };
}

const keyOf = (pin: Pin) => documentKey(documentId(pin));
const revisionOf = ({ spec }: Pin) => spec.revision ?? 0;

function isKnown(known: ReadonlyMap<string, LiveDocuments>, pin: Pin): boolean {
  return holdsEverywhere(pin) || known.get(keyOf(pin))?.revision === revisionOf(pin);
}

async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
