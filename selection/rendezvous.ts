import { type Murmur3State, murmur3BySeed, murmur3Continue, murmur3Finish, murmur3Start } from "./murmur3.ts";
import { createWeakPool } from "./weak-pool.ts";

/** One arm of a split. `weight` is at least 0 and relative to the others; 0 is never picked. */
export type Arm = { readonly name: string; readonly weight: number };

/** How one arm fared for a unit; the lowest score wins. `score` is Infinity for an arm of weight 0. */
export type ArmScore = Arm & { readonly hash: number; readonly score: number };

/** The arms of a split made ready; splits with equal arms share them. */
export type ArmScores = {
  readonly arms: readonly Arm[];
  /** The hash of each arm's name under a seed. */
  readonly hashes: readonly ((seed: number) => number)[];
  readonly weights: readonly number[];
};

/**
 * A split made ready: which arm a unit falls into. Weighted rendezvous (Thaler and Ravishankar 1998) with logarithmic
 * weights (Schindelhauer and Schomaker 2005). docs/bucketing.md freezes it. What is here is the hash of `salt:`, flat,
 * because of ten thousand objectives each has splits of its own, and no cache holds them.
 */
export type Split = Murmur3State & { readonly salt: string; readonly shared: ArmScores };

const arms = createWeakPool<ArmScores>();

/** Two splits of the same salt put a unit into the arms of the same name; of different salts, independently. */
export function createSplit(salt: string, given: readonly Arm[]): Split {
  // A weight of -0, which JSON can write, would win against all others.
  const named = given.map(({ name, weight }) => ({ name, weight: weight + 0 }));
  const shared = arms.get(JSON.stringify(named), () => ({
    arms: named,
    hashes: named.map(({ name }) => murmur3BySeed(name)),
    weights: named.map(({ weight }) => weight),
  }));
  return { ...saltPrefix(salt), salt, shared };
}

/** The index of the unit's arm; -1 when every weight is 0. */
export function pickArm(split: Split, unit: string): number {
  return pickByBucket(split.shared, murmur3Finish(split, unit));
}

/** {@link pickArm} for the hash of `salt:unit`. */
export function pickByBucket({ hashes, weights }: ArmScores, bucket: number): number {
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

/** How {@link pickArm} came to its answer: the unit's bucket and every arm's score, in the order of the arms. */
export function scoreArms(
  split: Split,
  unit: string,
): { readonly bucket: number; readonly scores: readonly ArmScore[] } {
  const bucket = murmur3Finish(split, unit);
  const scores = split.shared.arms.map((arm, index) => {
    const hash = split.shared.hashes[index]?.(bucket) as number;
    return { ...arm, hash, score: scoreOf(hash, arm.weight) };
  });
  return { bucket, scores };
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
