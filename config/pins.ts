import { documentTitle } from "./dependencies.ts";
import type { SignalboxDocument } from "./documents/document.ts";
import type { Pin } from "./documents/pin.ts";
import type { LiveDocuments } from "./live-documents.ts";

/** Whether a pin holds its objectives on every consumer, whatever group it is in. */
export function holdsEverywhere({ spec }: Pick<Pin, "spec">): boolean {
  return spec.groups === undefined && spec.exceptGroups === undefined;
}

/** Whether resolvers of a group (undefined for none) obey a pin of groups. */
export function isObeyedBy({ spec }: Pin, group: string | undefined): boolean {
  if (spec.groups) return group !== undefined && spec.groups.includes(group);
  if (spec.exceptGroups) return group === undefined || !spec.exceptGroups.includes(group);
  return false;
}

/** The names of the objectives whose choice a document decides: its own, or those that an experiment spans. */
export function decidedObjectives(document: SignalboxDocument): readonly string[] {
  if (document.kind === "Objective") return [document.metadata.name];
  return document.kind === "Experiment" ? document.spec.targets.map(({ objective }) => objective) : [];
}

/** The pin that keeps an objective (`<namespace>/<name>`), as it came with `revision`, from the resolvers of a group. */
export function groupPinOf(
  live: Pick<LiveDocuments, "pins">,
  objective: string,
  revision: number,
  group: string | undefined,
): Pin | null {
  if (live.pins.size === 0) return null;
  const [namespace, name] = objective.split("/");
  for (const { document } of live.pins.values()) {
    const { spec, metadata } = document;
    const isMeant = metadata.namespace === namespace && (spec.objectives?.includes(name ?? "") ?? true);
    if (isMeant && revision > (spec.revision ?? Number.POSITIVE_INFINITY) && isObeyedBy(document, group))
      return document;
  }
  return null;
}

/** Why something waits for a pin, for people. */
export function pinReason(pin: Pin): string {
  const { revision, reason } = pin.spec;
  const at = revision === undefined ? "" : ` at revision ${revision}`;
  return `held by ${documentTitle(pin)}${at}${reason === undefined ? "" : ` (${reason})`}; \`signalbox unpin\` lets it go on`;
}

/** The documents that were refused; those that only wait for a pin are none of them. */
export function countRefused({ rejections }: Pick<LiveDocuments, "rejections">): number {
  let count = 0;
  for (const { heldBy } of rejections.values()) if (heldBy === undefined) count += 1;
  return count;
}
