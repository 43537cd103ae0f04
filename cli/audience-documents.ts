import type { AudienceInput } from "../config/documents/audience.ts";
import { apiVersion } from "../config/documents/common.ts";
import { limits } from "../config/limits.ts";
import { digestOf, encodeDigests } from "../selection/audience.ts";
import { CommandError, exitCode } from "./exit-codes.ts";

/** Digests in one document: half a MiB, so that a part stays well below what the store takes. */
const digestsPerPart = 65_536;

/**
 * A list of unit ids as Audience documents: one that holds it, or one that names the parts `<name>-part-<n>` which hold
 * it. The order of the ids does not matter, and ids that come again count once. Refuses more ids than parts can
 * hold.
 */
export function audienceDocuments(namespace: string, name: string, ids: Iterable<string>): readonly AudienceInput[] {
  const digests = Float64Array.from(new Set([...ids].map(digestOf))).sort();
  const parts = Math.ceil(digests.length / digestsPerPart);
  const document = (own: string, spec: AudienceInput["spec"]): AudienceInput => {
    return { apiVersion, kind: "Audience", metadata: { namespace, name: own }, spec };
  };
  if (parts <= 1) return [document(name, { digests: encodeDigests(digests) })];
  if (parts > limits.partsPerAudience)
    throw new CommandError(
      `${digests.length} unit ids need ${parts} parts; at most ${limits.partsPerAudience} (limit partsPerAudience): split the audience`,
      exitCode.failed,
    );
  const names = Array.from({ length: parts }, (_, part) => `${name}-part-${part}`);
  return [
    ...names.map((own, part) => {
      const start = part * digestsPerPart;
      return document(own, { digests: encodeDigests(digests.subarray(start, start + digestsPerPart)) });
    }),
    document(name, { parts: names }),
  ];
}
