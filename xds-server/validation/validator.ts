import {
  type DescMessage,
  type DescOneof,
  fromBinary,
  getOption,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { disabled, ignored, required } from "../../proto/gen/validate/validate_pb.js";
import { readField } from "./condition.ts";
import { type Check, fieldCheck, type Visitor } from "./field-check.ts";
import { type Path, pathText } from "./path.ts";
import type { Violation } from "./violation.ts";

/**
 * Checks a message, and everything inside of it, against the `validate.rules` of its proto: every violation in the order
 * of the fields, an empty list when there is none. Messages inside of an `Any` are checked too; one of a type that is not
 * in the registry, or that cannot be decoded, is a violation (`any.known_type`, `any.decodable`), because nobody can say
 * whether Envoy would take it. Throws UnsupportedRuleError when the protos have a rule this code does not know, and
 * an Error when the message itself is of a type that is not in the registry.
 */
export type Validate = (message: Message) => readonly Violation[];

/** What there is to check in one message type. */
type Plan = {
  readonly fields: readonly {
    readonly read: (message: Message) => unknown;
    readonly name: string;
    readonly check: Check;
  }[];
  readonly requiredOneofs: readonly DescOneof[];
};

/**
 * A validator for messages of the types in a registry (proto/registry.ts). The rules of a type are read once, at its first
 * message. Envoy checks the same rules (protoc-gen-validate) and refuses (NACKs) a resource that breaks one; what Envoy
 * checks beyond them in code is not known here.
 */
export function createValidator(registry: Registry): Validate {
  const plans = new Map<DescMessage, Plan>();
  const planOf = (desc: DescMessage): Plan => {
    const known = plans.get(desc);
    if (known) return known;
    const plan = createPlan(desc);
    plans.set(desc, plan);
    return plan;
  };
  return (message) => {
    const desc = registry.getMessage(message.$typeName);
    if (!desc) throw new Error(`No generated proto has ${message.$typeName}: add it to proto/buf.gen.yaml.`);
    const violations: Violation[] = [];
    const visitor: Visitor = {
      report: (at, rule, text) => violations.push({ path: pathText(at), rule, message: text }),
      enter: (nested, value, at) => visit(planOf(nested), value, at, visitor),
      enterAny: (value, at) => visitAny(registry, value, at, visitor),
    };
    visitor.enter(desc, message, null);
    return violations;
  };
}

function createPlan(desc: DescMessage): Plan {
  if (getOption(desc, disabled) || getOption(desc, ignored)) return { fields: [], requiredOneofs: [] };
  return {
    fields: desc.fields.flatMap((field) => {
      const check = fieldCheck(field);
      if (!check) return [];
      const read = (message: Message) => readField(message, field);
      // A member of a oneof that is not the chosen one is not there to be checked.
      const whenChosen: Check = (value, at, visitor) => value !== undefined && check(value, at, visitor);
      return [{ read, name: field.name, check: field.oneof ? whenChosen : check }];
    }),
    requiredOneofs: desc.oneofs.filter((oneof) => getOption(oneof, required)),
  };
}

function visit(plan: Plan, message: Message, at: Path, visitor: Visitor): void {
  for (const { read, name, check } of plan.fields) check(read(message), { parent: at, step: name }, visitor);
  for (const oneof of plan.requiredOneofs) {
    const chosen = (message as unknown as Record<string, { readonly case?: string }>)[oneof.localName];
    if (chosen?.case !== undefined) continue;
    const members = oneof.fields.map((field) => field.name).join(", ");
    visitor.report({ parent: at, step: oneof.name }, "oneof.required", `must have one of ${members}`);
  }
}

function visitAny(registry: Registry, value: Any, at: Path, visitor: Visitor): void {
  const typeName = value.typeUrl.slice(value.typeUrl.lastIndexOf("/") + 1);
  const desc = registry.getMessage(typeName);
  if (!desc) {
    const words = `must hold a type that is in proto/buf.gen.yaml, not ${JSON.stringify(typeName)}`;
    visitor.report(at, "any.known_type", words);
    return;
  }
  let message: Message;
  try {
    message = fromBinary(desc, value.value);
  } catch (error) {
    visitor.report(at, "any.decodable", `must hold the bytes of a ${typeName}: ${(error as Error).message}`);
    return;
  }
  visitor.enter(desc, message, at);
}
