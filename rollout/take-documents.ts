import type { LiveDocuments } from "../config/live-documents.ts";
import { createPause } from "../config/pause.ts";
import { doInPieces, type Work } from "../config/work.ts";
import type { DocumentSource } from "./current-selection.ts";

/** Done without a pause: what a change of eight objectives comes to, some hundred microseconds. */
const fewPieces = 24;
const takeForMs = 1;

/**
 * Takes in the documents of a source as they change. A large change is taken in piece by piece between other work, so that
 * it stops nobody; of those that come meanwhile only the newest is taken. A small one is taken in at once.
 */
export function takeDocuments(
  source: DocumentSource,
  deps: {
    /** Takes documents in; what it changes for others it changes at its end. */
    readonly taking: (live: LiveDocuments) => Work<void>;
    readonly isTaken: (live: LiveDocuments) => boolean;
  },
): {
  /** Resolves when what was there at the start of the source is taken in. */
  readonly started: Promise<void>;
  stop(): void;
} {
  let next: LiveDocuments | null = null;
  let busy: Promise<void> | null = null;

  const goOn = async (first: Work<void>) => {
    await doInPieces(first, createPause(takeForMs));
    while (next) {
      const live = next;
      next = null;
      await doInPieces(deps.taking(live), createPause(takeForMs));
    }
    busy = null;
  };
  const onChange = (live: LiveDocuments) => {
    if (busy) {
      next = live;
      return;
    }
    const work = deps.taking(live);
    for (let piece = 0; piece < fewPieces; piece += 1) if (work.next().done) return;
    busy = goOn(work);
  };
  const stopSource = source.subscribe(onChange);
  return {
    started: source.started.then(async () => {
      // Nobody need have told of what was there at the start, and of an empty store nobody does.
      if (!busy && !deps.isTaken(source.current())) onChange(source.current());
      while (busy) await busy;
    }),
    stop: () => {
      stopSource();
      next = null;
    },
  };
}
