import { name as documentName } from "../config/documents/common.ts";
import type { Pin } from "../config/documents/pin.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { nearest } from "../config/nearest.ts";
import { holdsEverywhere } from "../config/pins.ts";
import type { Arguments, Positional } from "./command.ts";
import { namespaceOf, objectiveNamed } from "./document-kinds.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** What `<what> <name>` of `pin` and `unpin` means: an objective on every consumer, or a group of resolvers and Envoys. */
export type PinTarget =
  | { readonly what: "objective"; readonly namespace: string; readonly name: string }
  | { readonly what: "group"; readonly namespace: string; readonly name: string };

const words = ["objective", "group"] as const;

export const pinPositionals: Readonly<Record<"what" | "name", Positional>> = {
  what: { describe: "objective or group", suggestions: words },
  name: { describe: "The objective, or the group of resolvers (RESOLVER_GROUP) and Envoys (ENVOY_GROUP)" },
};

export function pinTargetOf(args: Arguments): PinTarget {
  const wanted = String(args.what);
  const what = words.find((word) => word === wanted || `${word}s` === wanted);
  if (!what) {
    const close = nearest(wanted, words);
    const hint = close === null ? "" : ` Did you mean ${close}?`;
    throw new CommandError(`"${wanted}" cannot be pinned; objective and group can.${hint}`, exitCode.usage);
  }
  if (what === "objective") {
    const { namespace, name } = objectiveNamed({ ...args, objective: args.name });
    return { what, namespace, name };
  }
  const name = String(args.name);
  if (!documentName.safeParse(name).success)
    throw new CommandError(`"${name}" is no name of a group: lower-case letters, digits and hyphens.`, exitCode.usage);
  return { what, namespace: namespaceOf(args), name };
}

/** The live pins of just this target, those of a staged rollout left out. */
export function pinsOf({ pins }: LiveDocuments, target: PinTarget): Pin[] {
  return [...pins.values()]
    .map(({ document }) => document)
    .filter(({ metadata: { namespace }, spec }) => {
      if (namespace !== target.namespace || spec.rollout) return false;
      if (target.what === "group") return spec.groups?.length === 1 && spec.groups[0] === target.name;
      return spec.objectives?.length === 1 && spec.objectives[0] === target.name && holdsEverywhere({ spec });
    });
}

/** How messages call the target. */
export function targetTitle({ what, namespace, name }: PinTarget): string {
  return what === "objective" ? `Objective ${namespace}/${name}` : `Group ${name} (namespace ${namespace})`;
}
