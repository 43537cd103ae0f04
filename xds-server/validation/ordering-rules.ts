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
  return {
    const: (wanted: T) => equalTo(wanted, same),
    in: (allowed: readonly T[]) => oneOf(allowed, same),
    notIn: (refused: readonly T[]) => noneOf(refused, same),
    lt: (limit: T, bounds: Bounds<T>) =>
      bound(`be less than ${show(limit)}`, (value: T) => order(value) < order(limit), bounds, order),
    lte: (limit: T, bounds: Bounds<T>) =>
      bound(`be at most ${show(limit)}`, (value: T) => order(value) <= order(limit), bounds, order),
    gt: (limit: T, bounds: Bounds<T>) =>
      bound(`be greater than ${show(limit)}`, (value: T) => order(value) > order(limit), bounds, order),
    gte: (limit: T, bounds: Bounds<T>) =>
      bound(`be at least ${show(limit)}`, (value: T) => order(value) >= order(limit), bounds, order),
  };
}

/**
 * An upper bound below the lower one means "outside of that range" (comments in validate.proto): then one of the two
 * has to hold, else each.
 */
function bound<T>(
  words: string,
  holds: (value: T) => boolean,
  bounds: Bounds<T>,
  order: (value: T) => number | bigint,
): Condition<T> {
  const upper = bounds.lt ?? bounds.lte;
  const lower = bounds.gt ?? bounds.gte;
  if (upper === undefined || lower === undefined || order(upper) >= order(lower)) return { words, holds };
  const belowUpper = (value: T) =>
    bounds.lt !== undefined ? order(value) < order(upper) : order(value) <= order(upper);
  const aboveLower = (value: T) =>
    bounds.gt !== undefined ? order(value) > order(lower) : order(value) >= order(lower);
  return {
    words: `be outside of ${show(upper)} to ${show(lower)}`,
    holds: (value) => belowUpper(value) || aboveLower(value),
  };
}
