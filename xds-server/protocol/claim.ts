import { type Digest, DigestSum } from "./digest-sum.ts";

/**
 * A set of names, or of names with their versions, as a client states it: so many, with that sum of hashes. Two claims that are
 * equal state the same set but for a chance of about 2^-64; a client that would make up a collision deceives its own stream.
 */
export type Claim = { readonly count: number; readonly sum: DigestSum };

/** Adds up a claim piece by piece. */
export class ClaimSum implements Claim {
  count = 0;
  readonly sum = new DigestSum();

  add(bytes: Uint8Array, start: number, end: number): void {
    const { high, low } = hashBytes(bytes, start, end);
    this.count++;
    this.sum.add(high, low);
  }
}

export function areEqual(left: Claim, right: Claim): boolean {
  return left.count === right.count && left.sum.equals(right.sum);
}

/** The hash of a name. */
export function nameHash(name: string): Digest {
  const bytes = Buffer.from(name);
  return { ...hashBytes(bytes, 0, bytes.length) };
}

/** The hash of an entry of `initial_resource_versions`, encoded as clients encode it: key first. */
export function heldHash(name: string, version: string): Digest {
  const bytes = Buffer.concat([field(1, name), field(2, version)]);
  return { ...hashBytes(bytes, 0, bytes.length) };
}

function field(number: number, text: string): Buffer {
  const body = Buffer.from(text);
  const lengths: number[] = [];
  for (let rest = body.length; ; rest >>>= 7) {
    lengths.push(rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest);
    if (rest < 0x80) break;
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...lengths]), body]);
}

/** The result of `hashBytes`, one object for all calls. */
const result = { high: 0, low: 0 };

/**
 * Two lanes of murmur3-32 with different seeds and constants: 64 bits at a hundredth of the price of a cryptographic hash,
 * which would cost more than to decode the names.
 */
function hashBytes(bytes: Uint8Array, start: number, end: number): Digest {
  let a = 0x2f0b4c27;
  let b = 0x61c88647;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    a = mixA(a, word);
    b = mixB(b, word);
  }
  let rest = 0;
  for (let shift = 0; at < end; at++, shift += 8) rest |= (bytes[at] as number) << shift;
  const length = end - start;
  result.high = finish(mixA(a, rest) ^ length);
  result.low = finish(mixB(b, rest) ^ length);
  return result;
}

function mixA(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function mixB(hash: number, word: number): number {
  let k = Math.imul(word, 0x239b961b);
  k = Math.imul((k << 16) | (k >>> 16), 0xab0e9789);
  const h = hash ^ k;
  return (Math.imul((h << 17) | (h >>> 15), 5) + 0x0bcaa747) | 0;
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
