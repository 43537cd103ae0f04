import { create, type DescEnum, type DescField, type DescMessage, getOption, type Message } from "@bufbuild/protobuf";
import { type Any, AnySchema, type Duration, DurationSchema, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import {
  type FieldRules,
  FieldRulesSchema,
  type MapRules,
  type RepeatedRules,
  rules as rulesOption,
} from "../../proto/gen/validate/validate_pb.js";
import { type Expectation, expectationsOf, type RuleTable, show } from "./condition.ts";
import type { Path } from "./path.ts";
import { counted } from "./text-rules.ts";
import { ignoresEmpty, schemaOf, valueExpectations } from "./value-rules.ts";

/** What a check does with what it finds: report it, or go on into a message. */
export type Visitor = {
  report(at: Path, rule: string, message: string): void;
  enter(desc: DescMessage, message: Message, at: Path): void;
  enterAny(value: Any, at: Path): void;
};

/** Checks one value; undefined is a field with presence that is not set. */
export type Check = (value: unknown, at: Path, visitor: Visitor) => void;

/** What stands in a field, a list or a map: `enum` and `message` are undefined for scalars. */
type ValueType = { readonly enum: DescEnum | undefined; readonly message: DescMessage | undefined };

const noRules = create(FieldRulesSchema);
const scalarType: ValueType = { enum: undefined, message: undefined };

/** The check of a field by its validate.rules, null when nothing about it can be wrong. Throws UnsupportedRuleError. */
export function fieldCheck(field: DescField): Check | null {
  const rules = getOption(field, rulesOption);
  switch (field.fieldKind) {
    case "list":
      return listCheck(field, rules);
    case "map":
      return mapCheck(field, rules);
    default:
      return presenceCheck(rules, valueCheck(field, rules));
  }
}

function presenceCheck(rules: FieldRules, check: Check | null): Check | null {
  const rule = requiredRule(rules);
  if (!rule && !check) return null;
  return (value, at, visitor) => {
    if (value !== undefined) check?.(value, at, visitor);
    else if (rule) visitor.report(at, rule, "must be set");
  };
}

function requiredRule(rules: FieldRules): string | null {
  const { case: kind, value } = rules.type;
  if (rules.message?.required) return "message.required";
  return value && "required" in value && value.required ? `${kind}.required` : null;
}

function valueCheck(type: ValueType, rules: FieldRules | undefined, prefix = ""): Check | null {
  const given = rules ?? noRules;
  const asked = valueExpectations(given, type.enum) as readonly Expectation<unknown>[];
  const expectations = type.message?.typeName === DurationSchema.typeName ? [...asked, validDuration] : asked;
  const skipsEmpty = ignoresEmpty(given);
  const nested = nestedCheck(type.message, given);
  if (expectations.length === 0) return nested;
  return (value, at, visitor) => {
    const plain = unwrapped(value, type.message);
    if (!(skipsEmpty && isEmpty(plain))) reportUnmet(expectations, plain, at, visitor, prefix);
    nested?.(value, at, visitor);
  };
}

const longestDurationSeconds = 9_223_372_036n;

/**
 * Beyond validate.rules: Envoy refuses any other duration in code, and 1.40 ends itself on some (a negative
 * slow_start_window inside of load_balancing_policy). The limit is that of 64 bits of nanoseconds.
 */
const validDuration: Expectation<unknown> = {
  rule: "duration.valid",
  words: `be at least 0s and at most ${longestDurationSeconds}s`,
  holds: (value) => {
    const { seconds, nanos } = value as Duration;
    return seconds >= 0n && seconds <= longestDurationSeconds && nanos >= 0 && nanos < 1e9;
  },
};

/** Well-known types have no rules of their own; an Any is looked into. */
function nestedCheck(desc: DescMessage | undefined, rules: FieldRules): Check | null {
  if (!desc || rules.message?.skip) return null;
  if (desc.typeName === AnySchema.typeName) return (value, at, visitor) => visitor.enterAny(value as Any, at);
  if (desc.typeName.startsWith("google.protobuf.")) return null;
  return (value, at, visitor) => visitor.enter(desc, value as Message, at);
}

const repeatedRules: RuleTable<RepeatedRules, readonly unknown[]> = {
  minItems: (least) => ({
    words: `have at least ${counted(least, "item")}`,
    holds: (list) => BigInt(list.length) >= least,
  }),
  maxItems: (most) => ({
    words: `have at most ${counted(most, "item")}`,
    holds: (list) => BigInt(list.length) <= most,
  }),
  unique: (wanted) =>
    wanted ? { words: "have no item twice", holds: (list) => new Set(list).size === list.length } : null,
  items: () => null,
  ignoreEmpty: () => null,
};

function listCheck(type: ValueType, rules: FieldRules): Check | null {
  const given = rules.type.case === "repeated" ? rules.type.value : undefined;
  const expectations = given ? expectationsOf("repeated", schemaOf("repeated"), given, repeatedRules) : [];
  const item = valueCheck(type, given?.items, "repeated.items.");
  if (expectations.length === 0 && !item) return null;
  return (value, at, visitor) => {
    const list = value as readonly unknown[];
    if (given?.ignoreEmpty && list.length === 0) return;
    reportUnmet(expectations, list, at, visitor);
    if (!item) return;
    for (const [index, one] of list.entries()) item(one, { parent: at, step: index }, visitor);
  };
}

type Entries = readonly (readonly [string, unknown])[];

const mapRules: RuleTable<MapRules, Entries> = {
  minPairs: (least) => ({
    words: `have at least ${counted(least, "key")}`,
    holds: (entries) => BigInt(entries.length) >= least,
  }),
  maxPairs: (most) => ({
    words: `have at most ${counted(most, "key")}`,
    holds: (entries) => BigInt(entries.length) <= most,
  }),
  // A map of protobuf-es has no entry without a value.
  noSparse: () => null,
  keys: () => null,
  values: () => null,
  ignoreEmpty: () => null,
};

function mapCheck(field: DescField & { readonly fieldKind: "map" }, rules: FieldRules): Check | null {
  const given = rules.type.case === "map" ? rules.type.value : undefined;
  const expectations = given ? expectationsOf("map", schemaOf("map"), given, mapRules) : [];
  const key = valueCheck(scalarType, given?.keys, "map.keys.");
  const entry = valueCheck(field, given?.values, "map.values.");
  if (expectations.length === 0 && !key && !entry) return null;
  return (value, at, visitor) => {
    const entries = Object.entries(value as Record<string, unknown>);
    if (given?.ignoreEmpty && entries.length === 0) return;
    reportUnmet(expectations, entries, at, visitor);
    for (const [name, content] of entries) {
      const place: Path = { parent: at, step: { key: name } };
      key?.(name, place, visitor);
      entry?.(content, place, visitor);
    }
  };
}

function reportUnmet<T>(
  expectations: readonly Expectation<T>[],
  value: T,
  at: Path,
  visitor: Visitor,
  prefix = "",
): void {
  for (const { rule, words, holds } of expectations) {
    if (!holds(value)) visitor.report(at, `${prefix}${rule}`, `must ${words}, not ${found(value)}`);
  }
}

function found(value: unknown): string {
  if (Array.isArray(value)) return counted(BigInt(value.length), "item");
  return show(value);
}

/** The number or text in a wrapper (google.protobuf.UInt32Value ...), which protobuf-es unwraps in most places itself. */
function unwrapped(value: unknown, desc: DescMessage | undefined): unknown {
  const isWrapped = desc && isWrapperDesc(desc) && typeof value === "object" && value !== null && "value" in value;
  return isWrapped ? value.value : value;
}

function isEmpty(value: unknown): boolean {
  return value instanceof Uint8Array ? value.length === 0 : !value;
}
