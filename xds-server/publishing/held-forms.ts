import { documentId, documentKey } from "../../config/documents/document.ts";
import type { Pin } from "../../config/documents/pin.ts";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { groupPinsOn, isObeyedBy } from "../../config/pins.ts";
import type { Scope } from "./owned-change.ts";

/** The documents from which a pin lets some groups of Envoys have a form. */
export type HeldForm = { readonly scope: Scope; readonly documents: LiveDocuments };

/** Who gets which form of a document. */
export type Scopes = {
  /** Who gets the newest form; undefined when everybody does. */
  readonly newest: Scope | undefined;
  readonly held: readonly HeldForm[];
};

type DocumentsOf = (pin: Pin) => LiveDocuments | undefined;

/** The forms of an objective (`<namespace>/<name>`) whose newest came with `revision`. Pure. */
export function objectiveScopes(live: LiveDocuments, name: string, revision: number, documentsOf: DocumentsOf): Scopes {
  return scopesOf(groupPinsOn(live, name, revision), (pin) => {
    const documents = documentsOf(pin);
    // What is new has no former form: nobody decides for it yet, and its keys must be known everywhere.
    return documents?.objectives.has(name) ? documents : undefined;
  });
}

/**
 * The forms of a shard (`<namespace>/<name>`). Only a staged rollout that changes the shard holds it: the hosts of others are
 * facts, which no pin may keep from an Envoy. Pure.
 */
export function shardScopes(live: LiveDocuments, name: string, documentsOf: DocumentsOf): Scopes {
  const pins = [...live.pins.values()].flatMap(({ document }) => (stagesShard(document, name) ? [document] : []));
  return scopesOf(pins, (pin) => {
    const documents = documentsOf(pin);
    return documents?.shards.has(name) ? documents : undefined;
  });
}

/** The shards that staged rollouts change, as far as a pin in one of the values is not in the other. */
export function restagedShards(before: LiveDocuments | null, live: LiveDocuments): string[] {
  return changedPins(before, live).flatMap(({ spec }) =>
    Object.keys(spec.rollout?.before ?? {}).flatMap((key) => {
      const [kind, namespace, name] = key.split(".");
      return kind === "shard" ? [`${namespace}/${name}`] : [];
    }),
  );
}

function changedPins(before: LiveDocuments | null, live: LiveDocuments): Pin[] {
  if (before?.pins === live.pins) return [];
  const differing = (from: LiveDocuments, to: LiveDocuments | null) =>
    [...from.pins].flatMap(([name, pin]) => (to?.pins.get(name) === pin ? [] : [pin.document]));
  return [...differing(live, before), ...(before ? differing(before, live) : [])];
}

function stagesShard({ metadata: { namespace }, spec }: Pin, name: string): boolean {
  const [shardNamespace, shard] = name.split("/");
  return namespace === shardNamespace && spec.rollout?.before[`shard.${namespace}.${shard}`] !== undefined;
}

/** The first pin that a group obeys decides for it, as it does for resolvers. */
function scopesOf(pins: readonly Pin[], documentsOf: DocumentsOf): Scopes {
  const holding = pins.flatMap((pin) => {
    const documents = documentsOf(pin);
    return documents ? [{ pin, documents }] : [];
  });
  if (holding.length === 0) return everybody;
  const holderOf = (group: string) => holding.find(({ pin }) => isObeyedBy(pin, group === "" ? undefined : group))?.pin;
  return {
    newest: { id: "", includes: (group) => holderOf(group) === undefined },
    held: holding.map(({ pin, documents }) => ({
      scope: { id: documentKey(documentId(pin)), includes: (group) => holderOf(group) === pin },
      documents,
    })),
  };
}

const everybody: Scopes = { newest: undefined, held: [] };
