import { type Murmur3State, murmur3BySeed, murmur3Continue, murmur3Finish, murmur3Start } from "./murmur3.ts";

/** One arm of a split. `weight` is at least 0 and relative to the others; 0 is never picked. */
export type Arm = { readonly name: string; readonly weight: number };

/** How one arm fared for a unit; the lowest score wins. `score` is Infinity for an arm of weight 0. */
export type ArmScore = Arm & { readonly hash: number; readonly score: number };

/**
 * A split made ready: which arm a unit falls into. Weighted rendezvous (Thaler and Ravishankar 1998) with logarithmic
 * weights (Schindelhauer and Schomaker 2005). docs/bucketing.md freezes it.
 */
export type Split = {
  /** The index of the unit's arm; -1 when every weight is 0. */
  readonly pick: (unit: string) => number;
  /** How {@link Split.pick} came to its answer: the unit's bucket and every arm's score, in the order of the arms. */
  readonly explain: (unit: string) => { readonly bucket: number; readonly arms: readonly ArmScore[] };
};

/** Two splits of the same salt put a unit into the arms of the same name; of different salts, independently. */
export function createSplit(salt: string, arms: readonly Arm[]): Split {
  const prefix = saltPrefix(salt);
  const hashes = arms.map((arm) => murmur3BySeed(arm.name));
  const weights = arms.map((arm) => arm.weight);

  function pick(unit: string): number {
    const bucket = murmur3Finish(prefix, unit);
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    for (let index = 0; index < hashes.length; index += 1) {
      const score = scoreOf(hashes[index]?.(bucket) as number, weights[index] as number);
      if (score < bestScore) {
        bestScore = score;
        best = index;
      }
    }
    return best;
  }

  function explain(unit: string) {
    const bucket = murmur3Finish(prefix, unit);
    const scores = arms.map((arm, index) => {
      const hash = hashes[index]?.(bucket) as number;
      return { name: arm.name, weight: arm.weight, hash, score: scoreOf(hash, arm.weight) };
    });
    return { bucket, arms: scores };
  }

  return { pick, explain };
}

/** The 32-bit hash of `salt:unit`, from which the hash of every arm starts. */
export function bucketOf(salt: string, unit: string): number {
  return murmur3Finish(saltPrefix(salt), unit);
}

function saltPrefix(salt: string): Murmur3State {
  return murmur3Continue(murmur3Start(0), `${salt}:`);
}

function scoreOf(hash: number, weight: number): number {
  return -Math.log((hash + 0.5) / 4294967296) / weight;
}
