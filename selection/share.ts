import { murmur3Continue, murmur3Finish, murmur3Start } from "./murmur3.ts";

/** Where units lie between 0 and 100 %, for layers and holdouts. docs/bucketing.md freezes it. */
export type Share = {
  readonly salt: string;
  /** The unsigned 32-bit hash of `salt:unit`. */
  readonly bucketOf: (unit: string) => number;
  /** Whether the unit lies at or above `from` and below `to` percent. */
  readonly isBetween: (unit: string, from: number, to: number) => boolean;
};

export function createShare(salt: string): Share {
  const prefix = murmur3Continue(murmur3Start(0), `${salt}:`);
  const bucketOf = (unit: string) => murmur3Finish(prefix, unit);
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
