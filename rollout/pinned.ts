import { documentId, documentKey } from "../config/documents/document.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { groupPinOf, pinReason } from "../config/pins.ts";
import type { Candidates } from "./activation.ts";

/** Why an objective is not activated in this group of resolvers. */
export type Pinned = {
  /** The key of the pin. */
  readonly heldBy: string;
  /** The store revision at which it is held. */
  readonly revision: number;
  readonly reason: string;
};

/**
 * The waiting objectives that a pin keeps from a group of resolvers (undefined for none), whatever the xds-servers report, and
 * the others, for which it may be decided. Pure.
 */
export function setPinnedAside(
  candidates: Candidates,
  live: Pick<LiveDocuments, "pins">,
  group: string | undefined,
): { readonly candidates: Candidates; readonly pinned: ReadonlyMap<string, Pinned> } {
  const pinned = new Map<string, Pinned>();
  if (live.pins.size === 0) return { candidates, pinned };
  for (const [name, { revision }] of candidates.waiting) {
    const pin = groupPinOf(live, name, revision, group);
    if (!pin) continue;
    const heldBy = documentKey(documentId(pin));
    pinned.set(name, { heldBy, revision: pin.spec.revision ?? 0, reason: pinReason(pin) });
  }
  if (pinned.size === 0) return { candidates, pinned };
  const waiting = new Map([...candidates.waiting].filter(([name]) => !pinned.has(name)));
  return { candidates: { ...candidates, waiting }, pinned };
}
