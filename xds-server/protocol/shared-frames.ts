import type { StoredResource } from "./resource.ts";

/** Joins the frames of resources into one piece of bytes, not to be changed by the caller. */
export type JoinFrames = (resources: readonly StoredResource[]) => Uint8Array;

export type SharedFramesOptions = {
  readonly frameOf: (resource: StoredResource) => Uint8Array;
  /** Bytes remembered; a list that is longer is joined anew each time. */
  readonly maxBytes?: number;
  /** Milliseconds without a use after which all is forgotten, 2,000 by default: it is for streams that ask together. */
  readonly idleMs?: number;
};

type Joined = { readonly resources: readonly StoredResource[]; readonly bytes: Uint8Array };

/** Lists shorter than that are joined faster than they are found. */
const shortestList = 8;

/**
 * Joins the same resources once for all streams that are sent them: after a restart a thousand streams ask for the same ten
 * thousand resources, and joining costs more than sending. Lists are recognised by their elements, so it does not matter who
 * made them. The least recently used go first.
 */
export function createSharedFrames(options: SharedFramesOptions): JoinFrames {
  const { frameOf, maxBytes = 64 * 1024 * 1024, idleMs = 2000 } = options;
  const byFirst = new Map<StoredResource, Joined[]>();
  const used = new Set<Joined>();
  let bytesHeld = 0;
  let idle: NodeJS.Timeout | undefined;
  const forgetAll = () => {
    byFirst.clear();
    used.clear();
    bytesHeld = 0;
    idle = undefined;
  };

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
    if (idle) idle.refresh();
    else idle = setTimeout(forgetAll, idleMs).unref();
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
      idle?.refresh();
      return known.bytes;
    }
    const joined = { resources, bytes: concatAlone(resources.map(frameOf)) };
    remember(joined, first);
    return joined.bytes;
  };
}

/** Not in the pool of Node, of which a slab would be held with it. */
function concatAlone(frames: readonly Uint8Array[]): Uint8Array {
  const joined = Buffer.allocUnsafeSlow(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    joined.set(frame, at);
    at += frame.length;
  }
  return joined;
}

function areSame(left: readonly StoredResource[], right: readonly StoredResource[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
