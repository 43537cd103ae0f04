import type { DescEnum, DescMessage, Message } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type AnyRules,
  type BoolRules,
  type EnumRules,
  type FieldRules,
  FieldRulesSchema,
} from "../../proto/gen/validate/validate_pb.js";
import {
  type Condition,
  type Expectation,
  equalTo,
  expectationsOf,
  noneOf,
  oneOf,
  type RuleTable,
  UnsupportedRuleError,
} from "./condition.ts";
import { durationRules, numberRules, timestampRules } from "./ordering-rules.ts";
import { bytesRules, stringRules } from "./text-rules.ts";

/** The kind of rules that a field has: "string", "uint32", "repeated" ... */
export type RuleKind = NonNullable<FieldRules["type"]["case"]>;

const boolRules: RuleTable<BoolRules, boolean> = { const: (wanted) => equalTo(wanted) };

const anyRules: RuleTable<AnyRules, Any> = {
  required: () => null,
  in: (allowed) => typeUrl(oneOf(allowed)),
  notIn: (refused) => typeUrl(noneOf(refused)),
};

/**
 * What the rules of a single value ask of it: a scalar, an enum's number, a Duration, Timestamp or Any. Whether a message
 * has to be there is not among them. Throws UnsupportedRuleError.
 */
export function valueExpectations(rules: FieldRules, enumDesc: DescEnum | undefined): readonly Expectation<never>[] {
  const { case: kind, value } = rules.type;
  switch (kind) {
    case undefined:
      return [];
    case "bool":
      return expectationsOf(kind, schemaOf(kind), value, boolRules);
    case "string":
      return expectationsOf(kind, schemaOf(kind), value, stringRules as never);
    case "bytes":
      return expectationsOf(kind, schemaOf(kind), value, bytesRules);
    case "enum":
      return expectationsOf(kind, schemaOf(kind), value, enumRules(enumDesc));
    case "any":
      return expectationsOf(kind, schemaOf(kind), value, anyRules);
    case "duration":
      return expectationsOf(kind, schemaOf(kind), value, durationRules);
    case "timestamp":
      return expectationsOf(kind, schemaOf(kind), value, timestampRules);
    case "repeated":
    case "map":
      throw new UnsupportedRuleError(`${kind} inside of repeated or map`);
    default:
      return expectationsOf(kind, schemaOf(kind), value, numberRules as never);
  }
}

/** True when the rules of a single value do not apply to its zero value. */
export function ignoresEmpty(rules: FieldRules): boolean {
  const value = rules.type.value as (Message & { readonly ignoreEmpty?: boolean }) | undefined;
  return value?.ignoreEmpty ?? false;
}

/** The descriptor of the message that holds the rules of one kind. */
export function schemaOf(kind: RuleKind): DescMessage {
  const desc = FieldRulesSchema.field[kind].message;
  if (!desc) throw new UnsupportedRuleError(kind);
  return desc;
}

function enumRules(desc: DescEnum | undefined): RuleTable<EnumRules, number> {
  const numbers = new Set(desc?.values.map((value) => value.number));
  const names = desc?.values.map((value) => `${value.name} (${value.number})`).join(", ");
  return {
    const: (wanted) => equalTo(wanted),
    definedOnly: (wanted) =>
      wanted ? { words: `be one of ${names}`, holds: (value: number) => numbers.has(value) } : null,
    in: (allowed) => oneOf(allowed),
    notIn: (refused) => noneOf(refused),
  };
}

function typeUrl(condition: Condition<string>): Condition<Any> {
  return {
    words: `hold a message whose type must ${condition.words}`,
    holds: (value) => condition.holds(value.typeUrl),
  };
}
