import { murmur3Continue, murmur3Finish, murmur3Start } from "./murmur3.ts";

/** Where units lie between 0 and 100 %, for layers and holdouts. docs/bucketing.md freezes it. */
export type Share = {
  readonly salt: string;
  /** The unsigned 32-bit hash of `salt:unit`. */
  readonly bucketOf: (unit: string) => number;
  /** Whether the unit lies at or above `from` and below `to` percent. */
  readonly isBetween: (unit: string, from: number, to: number) => boolean;
};

/** Longer units are hashed each time, so that no share holds on to a large text. */
const rememberedCharacters = 64;

/** Remembers the bucket of the last unit: whoever asks for a unit asks for several slices, often for several experiments. */
export function createShare(salt: string): Share {
  const prefix = murmur3Continue(murmur3Start(0), `${salt}:`);
  let lastUnit: string | null = null;
  let lastBucket = 0;
  const bucketOf = (unit: string) => {
    if (unit === lastUnit) return lastBucket;
    const bucket = murmur3Finish(prefix, unit);
    if (unit.length <= rememberedCharacters) {
      lastUnit = unit;
      lastBucket = bucket;
    }
    return bucket;
  };
  return {
    salt,
    bucketOf,
    isBetween: (unit, from, to) => {
      // Both sides are exact: a bucket times 100 has 39 bits, and a multiplication by 2^32 changes no digit.
      const position = bucketOf(unit) * 100;
      return position >= from * 4_294_967_296 && position < to * 4_294_967_296;
    },
  };
}

/** One share for each salt. */
export function createShares(): (salt: string) => Share {
  const shares = new Map<string, Share>();
  return (salt) => {
    const share = shares.get(salt) ?? createShare(salt);
    shares.set(salt, share);
    return share;
  };
}
