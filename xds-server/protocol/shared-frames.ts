import type { StoredResource } from "./resource.ts";

/** Joins the frames of resources into one piece of bytes, not to be changed by the caller. */
export type JoinFrames = (resources: readonly StoredResource[]) => Uint8Array;

export type SharedFramesOptions = {
  readonly frameOf: (resource: StoredResource) => Uint8Array;
  /** Bytes remembered; a list that is longer is joined anew each time. */
  readonly maxBytes?: number;
};

type Joined = { readonly resources: readonly StoredResource[]; readonly bytes: Uint8Array };

/** Lists shorter than that are joined faster than they are found. */
const shortestList = 8;

/**
 * Joins the same resources once for all streams that are sent them: after a restart a thousand streams ask for the same ten
 * thousand resources, and joining costs more than sending. Lists are recognised by their elements, so it does not matter who
 * made them. The least recently used go first.
 */
export function createSharedFrames({ frameOf, maxBytes = 64 * 1024 * 1024 }: SharedFramesOptions): JoinFrames {
  const byFirst = new Map<StoredResource, Joined[]>();
  const used = new Set<Joined>();
  let bytesHeld = 0;

  const forget = (joined: Joined) => {
    const [first] = joined.resources;
    if (!first || !used.delete(joined)) return;
    bytesHeld -= joined.bytes.length;
    const others = (byFirst.get(first) ?? []).filter((each) => each !== joined);
    if (others.length > 0) byFirst.set(first, others);
    else byFirst.delete(first);
  };
  const remember = (joined: Joined, first: StoredResource) => {
    if (joined.bytes.length > maxBytes) return;
    byFirst.set(first, [...(byFirst.get(first) ?? []), joined]);
    used.add(joined);
    bytesHeld += joined.bytes.length;
    for (const oldest of used) {
      if (bytesHeld <= maxBytes) return;
      forget(oldest);
    }
  };

  return (resources) => {
    const [first] = resources;
    if (resources.length === 1 && first) return frameOf(first);
    if (!first || resources.length < shortestList) return Buffer.concat(resources.map(frameOf));
    const known = byFirst.get(first)?.find((joined) => areSame(joined.resources, resources));
    if (known) {
      used.delete(known);
      used.add(known);
      return known.bytes;
    }
    const joined = { resources, bytes: Buffer.concat(resources.map(frameOf)) };
    remember(joined, first);
    return joined.bytes;
  };
}

function areSame(left: readonly StoredResource[], right: readonly StoredResource[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
