import { type DescField, type DescMessage, isFieldSet, type Message } from "@bufbuild/protobuf";

/** What a value must be like, in words that follow "must". */
export type Condition<T> = { readonly words: string; readonly holds: (value: T) => boolean };

/** A condition and the rule it comes from. */
export type Expectation<T> = Condition<T> & { readonly rule: string };

/**
 * For each rule of a kind, by its local name, the condition that it sets; null when it sets none by itself. The second
 * argument holds all rules of the field that are set, and only those.
 */
export type RuleTable<Rules extends Message, T, Left extends string = never> = {
  readonly [Name in Exclude<keyof Rules, keyof Message | Left>]-?: (
    limit: NonNullable<Rules[Name]>,
    set: Partial<Rules>,
  ) => Condition<T> | null;
};

type AnyRuleTable<T> = { readonly [name: string]: ((limit: never, set: never) => Condition<T> | null) | undefined };

/** Thrown for a rule that this validator does not know: the protos are newer than it. */
export class UnsupportedRuleError extends Error {
  constructor(rule: string) {
    super(`The protos use the validate.rules "${rule}", which xds-server/validation does not know yet: add it there.`);
    this.name = "UnsupportedRuleError";
  }
}

/** The expectations of the rules that are set, by the table of their kind. Throws UnsupportedRuleError. */
export function expectationsOf<T>(
  kind: string,
  desc: DescMessage,
  rules: Message,
  table: AnyRuleTable<T>,
): readonly Expectation<T>[] {
  // Not the message itself: an unset proto2 field reads as its default.
  const setFields = desc.fields.filter((field) => isFieldSet(rules, field));
  const set = Object.fromEntries(setFields.map((field) => [field.localName, readField(rules, field)]));
  return setFields.flatMap((field) => {
    const rule = `${kind}.${field.name}`;
    const make = table[field.localName];
    if (!make) throw new UnsupportedRuleError(rule);
    const condition = make(set[field.localName] as never, set as never);
    return condition ? [{ rule, ...condition }] : [];
  });
}

/**
 * The value of a field as protobuf-es holds it: for a member of a oneof undefined unless it is the one that is set,
 * for a field with presence undefined when it is not set.
 */
export function readField(message: Message, field: DescField): unknown {
  const values = message as unknown as Record<string, unknown>;
  if (!field.oneof) return values[field.localName];
  const chosen = values[field.oneof.localName] as { readonly case?: string; readonly value?: unknown };
  return chosen.case === field.localName ? chosen.value : undefined;
}

export const oneOf = <T>(allowed: readonly T[], same: (a: T, b: T) => boolean = Object.is): Condition<T> => ({
  words: `be one of ${allowed.map(show).join(", ")}`,
  holds: (value) => allowed.some((one) => same(one, value)),
});

export const noneOf = <T>(refused: readonly T[], same: (a: T, b: T) => boolean = Object.is): Condition<T> => ({
  words: `be none of ${refused.map(show).join(", ")}`,
  holds: (value) => !refused.some((one) => same(one, value)),
});

export const equalTo = <T>(wanted: T, same: (a: T, b: T) => boolean = Object.is): Condition<T> => ({
  words: `be ${show(wanted)}`,
  holds: (value) => same(wanted, value),
});

const longestShown = 80;

/** A value as it stands in a message: short, on one line. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(shortened(value));
  if (value instanceof Uint8Array)
    return `0x${shortened(Buffer.from(value.subarray(0, longestShown)).toString("hex"))}`;
  if (typeof value === "object" && value !== null && "seconds" in value && "nanos" in value) {
    return `${Number(value.seconds) + Number(value.nanos) / 1e9}s`;
  }
  return String(value);
}

function shortened(text: string): string {
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}
