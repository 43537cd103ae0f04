import { documentTitle, type SignalboxDocument } from "./documents/document.ts";
import type { Pin } from "./documents/pin.ts";
import type { LiveDocuments } from "./live-documents.ts";

/** Whether a pin holds its objectives on every consumer, whatever group it is in. */
export function holdsEverywhere({ spec }: Pick<Pin, "spec">): boolean {
  return spec.groups === undefined && spec.exceptGroups === undefined;
}

/** Whether the resolvers and Envoys of a group (undefined for none) obey a pin of groups. */
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

/** The pins of groups that keep an objective (`<namespace>/<name>`), as it came with `revision`, from some of them. */
export function groupPinsOn(live: Pick<LiveDocuments, "pins">, objective: string, revision: number): Pin[] {
  if (live.pins.size === 0) return [];
  const [namespace, name = ""] = objective.split("/");
  return [...live.pins.values()].flatMap(({ document }) => {
    const { spec, metadata } = document;
    const isMeant = metadata.namespace === namespace && (spec.objectives?.includes(name) ?? true);
    return isMeant && revision > (spec.revision ?? Number.POSITIVE_INFINITY) ? [document] : [];
  });
}

/** The pin that keeps an objective, as it came with `revision`, from a group: the first that does. */
export function groupPinOf(
  live: Pick<LiveDocuments, "pins">,
  objective: string,
  revision: number,
  group: string | undefined,
): Pin | null {
  return groupPinsOn(live, objective, revision).find((pin) => isObeyedBy(pin, group)) ?? null;
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
