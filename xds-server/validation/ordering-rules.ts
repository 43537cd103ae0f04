import type { Message } from "@bufbuild/protobuf";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { DurationRules, TimestampRules, UInt64Rules } from "../../proto/gen/validate/validate_pb.js";
import { type Condition, equalTo, noneOf, oneOf, type RuleTable, show } from "./condition.ts";

type Bounds<T> = { readonly lt?: T; readonly lte?: T; readonly gt?: T; readonly gte?: T };

/** The twelve kinds of number have the same rules; those with 64 bits are bigint, the others number. */
type NumberRules = Omit<UInt64Rules, keyof Message> & Message;

const number = ordering<bigint>((value) => value);

/** Rules of float, double and every kind of integer. */
export const numberRules: RuleTable<NumberRules, bigint> = { ...number, ignoreEmpty: () => null };

const nanoseconds = (value: Duration | Timestamp) => value.seconds * 1_000_000_000n + BigInt(value.nanos);

/** Rules of google.protobuf.Duration. */
export const durationRules: RuleTable<DurationRules, Duration> = {
  ...ordering<Duration>(nanoseconds),
  required: () => null,
};

/** Rules of google.protobuf.Timestamp, but for those relative to the time of the check, which no proto uses. */
export const timestampRules: RuleTable<TimestampRules, Timestamp, "ltNow" | "gtNow" | "within"> = {
  ...ordering<Timestamp>(nanoseconds),
  required: () => null,
};

function ordering<T>(order: (value: T) => number | bigint) {
  const same = (a: T, b: T) => order(a) === order(b);
  const upper = (words: string, holds: (value: T) => boolean, set: Bounds<T>): Condition<T> => {
    const lower = outsideOf(set, order);
    if (lower === undefined) return { words, holds };
    const above = set.gt === undefined ? order(lower) : undefined;
    return {
      words: `${words}, or ${set.gt === undefined ? "at least" : "greater than"} ${show(lower)}`,
      holds: (value) => holds(value) || order(value) > order(lower) || order(value) === above,
    };
  };
  const lower = (words: string, holds: (value: T) => boolean, set: Bounds<T>): Condition<T> | null =>
    outsideOf(set, order) === undefined ? { words, holds } : null;
  return {
    const: (wanted: T) => equalTo(wanted, same),
    in: (allowed: readonly T[]) => oneOf(allowed, same),
    notIn: (refused: readonly T[]) => noneOf(refused, same),
    lt: (limit: T, set: Bounds<T>) => upper(`be less than ${show(limit)}`, (value) => order(value) < order(limit), set),
    lte: (limit: T, set: Bounds<T>) => upper(`be at most ${show(limit)}`, (value) => order(value) <= order(limit), set),
    gt: (limit: T, set: Bounds<T>) =>
      lower(`be greater than ${show(limit)}`, (value) => order(value) > order(limit), set),
    gte: (limit: T, set: Bounds<T>) =>
      lower(`be at least ${show(limit)}`, (value) => order(value) >= order(limit), set),
  };
}

/**
 * An upper bound below the lower one means "outside of that range" (comments in validate.proto). Then this is the lower
 * bound, and one condition, that of the upper bound, stands for both; else undefined.
 */
function outsideOf<T>(set: Bounds<T>, order: (value: T) => number | bigint): T | undefined {
  const upper = set.lt ?? set.lte;
  const lower = set.gt ?? set.gte;
  return upper !== undefined && lower !== undefined && order(upper) < order(lower) ? lower : undefined;
}
