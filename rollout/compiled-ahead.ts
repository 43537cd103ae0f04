import type { LiveDocuments } from "../config/live-documents.ts";
import { createPause } from "../config/pause.ts";
import { affectedObjectives } from "../config/relations/needs.ts";
import { compileAhead } from "../selection/selector.ts";
import type { DocumentSource } from "./current-selection.ts";

/** Compiled without a pause: some hundred microseconds. */
const fewObjectives = 8;
const compileForMs = 1;

/**
 * A source whose listeners hear of documents once what changed in them is compiled, piece by piece between other work, so
 * that taking them in stops nobody. Small changes are passed on at once. While one change is compiled, of those that
 * come only the newest is kept. `known` gives the documents that the listeners have before they hear of any.
 */
export function compiledAhead(source: DocumentSource, known: () => LiveDocuments | null = () => null): DocumentSource {
  const listeners = new Set<(live: LiveDocuments) => void>();
  let told: LiveDocuments | null = null;
  let next: LiveDocuments | null = null;
  let busy: Promise<void> | null = null;
  let stop: () => void = () => undefined;

  const tell = (live: LiveDocuments) => {
    told = live;
    for (const listener of [...listeners]) listener(live);
  };
  const work = async () => {
    while (next) {
      const live = next;
      next = null;
      await compileAhead(live, told, createPause(compileForMs));
      tell(live);
    }
    busy = null;
  };
  const onChange = (live: LiveDocuments) => {
    told ??= known();
    next = live;
    if (busy) return;
    if (told && affectedObjectives(told, live).size <= fewObjectives) {
      next = null;
      tell(live);
    } else busy = work();
  };
  return {
    current: source.current,
    subscribe: (listener) => {
      if (listeners.size === 0) stop = source.subscribe(onChange);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) stop();
      };
    },
    started: source.started.then(async () => {
      // Nobody need have told of what was there at the start, and a first change would be taken for one of everything.
      if (!told && !busy) onChange(source.current());
      while (busy) await busy;
    }),
  };
}
