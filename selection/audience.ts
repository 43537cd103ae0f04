import type { Audience } from "../config/documents/audience.ts";
import { digestBytes } from "../config/unit-digests.ts";
import { murmur3 } from "./murmur3.ts";

/** Whether the text of a unit is in an audience, in a time that does not depend on its size. */
export type Membership = { has(text: string): boolean; readonly size: number };

/** The audiences of a namespace by name. Throws for one that is not there. */
export type Audiences = (name: string) => Membership;

const nobody: Membership = { has: () => false, size: 0 };

export const noAudiences: Audiences = () => nobody;

/**
 * The 48-bit digest of a unit's text: murmur3_x86_32 of its UTF-8 bytes with seed 0, then the upper 16 bits of the same
 * with the first hash as seed. Two texts share one once in 2.8e14, and a list of a million holds a stranger's digest once
 * in 281 million.
 */
export function digestOf(text: string): number {
  const high = murmur3(text, 0);
  return high * 65_536 + (murmur3(text, high) >>> 16);
}

/** Digests as an audience document holds them: ascending, each once, 6 bytes each, in base64. */
export function encodeDigests(digests: Iterable<number>): string {
  const sorted = Float64Array.from(new Set(digests)).sort();
  const bytes = Buffer.alloc(sorted.length * digestBytes);
  for (const [index, digest] of sorted.entries()) bytes.writeUIntBE(digest, index * digestBytes, digestBytes);
  return bytes.toString("base64");
}

type Compiled = { readonly parts: readonly Audience[]; readonly membership: Membership };

// Ten thousand objectives may ask for one audience of a million.
const compiled = new WeakMap<Audience, Compiled>();

/** An audience and its parts as one set of digests, built once for the same documents. */
export function compileAudience(audience: Audience, parts: readonly Audience[]): Membership {
  const known = compiled.get(audience);
  if (known && known.parts.length === parts.length && known.parts.every((part, index) => part === parts[index]))
    return known.membership;
  const membership = createMembership([audience, ...parts]);
  compiled.set(audience, { parts, membership });
  return membership;
}

function createMembership(audiences: readonly Audience[]): Membership {
  const written = audiences.flatMap(({ spec }) => spec.members ?? []);
  const encoded = audiences.map(({ spec }) => Buffer.from(spec.digests ?? "", "base64"));
  const most = encoded.reduce((sum, bytes) => sum + bytes.length / digestBytes, written.length);
  const set = createDigestSet(most);
  for (const text of written) set.add(digestOf(text));
  for (const bytes of encoded) {
    for (let at = 0; at < bytes.length; at += digestBytes) set.add(bytes.readUIntBE(at, digestBytes));
  }
  return { has: (text) => set.has(digestOf(text)), size: set.size() };
}

/** A hash table in one typed array, at most half full: 16 to 32 bytes a digest, no objects. */
function createDigestSet(most: number) {
  const slots = 2 ** Math.ceil(Math.log2(2 * most + 2));
  // 0 is an empty slot, so that digests are stored one higher.
  const table = new Float64Array(slots);
  const mask = slots - 1;
  let size = 0;
  const slotOf = (digest: number) => {
    let slot = Math.floor(digest / 65_536) & mask;
    while (table[slot] !== 0 && table[slot] !== digest + 1) slot = (slot + 1) & mask;
    return slot;
  };
  return {
    add: (digest: number) => {
      const slot = slotOf(digest);
      if (table[slot] === 0) size += 1;
      table[slot] = digest + 1;
    },
    has: (digest: number) => table[slotOf(digest)] !== 0,
    size: () => size,
  };
}
