import { untilAborted } from "../config/until-aborted.ts";
import type { Source } from "./source.ts";

/**
 * A source whose code is loaded in the background; calls wait for that, or until they are aborted. When it cannot be loaded,
 * they reject with the reason.
 */
export function createLateSource(load: () => Promise<Source>): Source {
  let loaded: Source | undefined;
  const loading = load().then((source) => {
    loaded = source;
    return source;
  });
  return {
    resolve: (question, signal) =>
      loaded
        ? loaded.resolve(question, signal)
        : untilAborted(loading, signal).then((source) => source.resolve(question, signal)),
    defaultFor: (objective) => loaded?.defaultFor(objective),
    ready: loading.then(({ ready }) => ready, waitForEver),
    close: async () => (await loading.catch(() => undefined))?.close(),
  };
}

const waitForEver = () => new Promise<never>(() => undefined);
