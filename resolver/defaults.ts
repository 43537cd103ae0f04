import { type Resolution, resolutionOf } from "../selection/resolution.ts";
import { defaultDecision } from "../selection/rule-table.ts";
import type { Selection } from "../selection/selector.ts";
import { SignalboxError } from "../service/errors.ts";
import type { DecideDeps } from "./decide.ts";
import { entityTag } from "./etag.ts";

/** The default answer of every objective of a namespace, for clients that reach no resolver later. */
export type Defaults = {
  /** Names the content: the same for the same defaults, on every resolver. */
  readonly version: string;
  /** By name, ascending. */
  readonly resolutions: readonly Resolution[];
  /** `{"results": […]}` */
  readonly json: string;
};

/** The defaults of a namespace; made once for each set of documents. Throws `not_ready` while there are none. */
export function createDefaults({ selection }: Pick<DecideDeps, "selection">): (namespace: string) => Defaults {
  const made = new WeakMap<Selection, Map<string, Defaults>>();
  return (namespace) => {
    const now = selection();
    if (now === null) {
      throw new SignalboxError("not_ready", "This resolver has no documents yet: it is waiting for NATS.");
    }
    const byNamespace = made.get(now) ?? new Map<string, Defaults>();
    made.set(now, byNamespace);
    const known = byNamespace.get(namespace);
    if (known) return known;
    const defaults = defaultsOf(now, namespace);
    // A namespace without objectives is not kept: anybody may ask for any number of them.
    if (defaults.resolutions.length > 0) byNamespace.set(namespace, defaults);
    return defaults;
  };
}

function defaultsOf({ objectives }: Selection, namespace: string): Defaults {
  const prefix = `${namespace}/`;
  const resolutions = [...objectives.values()]
    .filter(({ name }) => name.startsWith(prefix))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((compiled) => resolutionOf(defaultDecision(compiled)));
  const json = JSON.stringify({ results: resolutions });
  return { version: entityTag(json), resolutions, json };
}
