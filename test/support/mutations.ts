import {
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type JsonObject,
  type JsonValue,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf";
import { AnySchema, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { rules } from "../../proto/gen/validate/validate_pb.js";

/** A message in which one thing was changed, as JSON of its proto, and what that was. */
export type Mutant = { readonly change: string; readonly json: JsonObject };

type Site = { readonly registry: Registry; readonly path: string };

/**
 * Every message that differs from a given one (as JSON with local names) in one place: a field left out, emptied, set to
 * or just past the limits that its proto names, an item repeated, a message emptied or added, a oneof taken away. Goes into
 * lists, maps and `Any`. The order is always the same.
 */
export function* mutants(desc: DescMessage, json: JsonObject, site: Site): Generator<Mutant> {
  for (const oneof of desc.oneofs) {
    const chosen = oneof.fields.find((field) => json[field.jsonName] !== undefined);
    if (chosen) yield { change: `${site.path}${oneof.name} is left out`, json: without(json, [chosen]) };
  }
  for (const field of desc.fields) {
    const path = `${site.path}${field.name}`;
    const given = json[field.jsonName];
    const others = field.oneof ? field.oneof.fields : [field];
    if (given !== undefined && !field.oneof) yield { change: `${path} is left out`, json: without(json, [field]) };
    for (const [words, value] of valuesOf(field, given, { ...site, path })) {
      const changed = { ...without(json, others), [field.jsonName]: value };
      yield { change: words === "" ? path : `${path} ${words}`, json: changed };
    }
  }
}

type Value = readonly [words: string, value: JsonValue];

function* valuesOf(field: DescField, given: JsonValue | undefined, site: Site): Generator<Value> {
  switch (field.fieldKind) {
    case "list":
      return yield* listsOf(field, Array.isArray(given) ? given : [], site);
    case "map":
      return yield* mapsOf(field, isObject(given) ? given : {}, site);
    default:
      return yield* singlesOf(field, given, site);
  }
}

function* listsOf(field: DescField & { fieldKind: "list" }, given: readonly JsonValue[], site: Site): Generator<Value> {
  const [first] = given;
  if (first !== undefined) {
    yield ["is empty", []];
    yield ["has an item twice", [...given, first]];
    const limit = hasOption(field, rules) ? getOption(field, rules).type : undefined;
    if (limit?.case === "repeated" && limit.value.maxItems > 0n) {
      yield ["has too many items", Array.from({ length: Number(limit.value.maxItems) + 1 }, () => first)];
    }
  } else {
    for (const [words, value] of singlesOf(field, undefined, site)) yield [`has an item that ${words}`, [value]];
  }
  for (const [index, item] of given.entries()) {
    for (const [words, value] of singlesOf(field, item, { ...site, path: `${site.path}[${index}]` })) {
      yield [`[${index}] ${words}`, given.with(index, value)];
    }
  }
}

function* mapsOf(field: DescField & { fieldKind: "map" }, given: JsonObject, site: Site): Generator<Value> {
  const entries = Object.entries(given);
  if (entries[0]) {
    yield ["is empty", {}];
    yield ["has an empty key", { ...given, "": entries[0][1] }];
  }
  for (const [key, item] of entries) {
    for (const [words, value] of singlesOf(field, item, { ...site, path: `${site.path}["${key}"]` })) {
      yield [`["${key}"] ${words}`, { ...given, [key]: value }];
    }
  }
}

function* singlesOf(field: DescField, given: JsonValue | undefined, site: Site): Generator<Value> {
  const { enum: enumDesc, message } = field;
  if (enumDesc) {
    yield ["is its zero value", 0];
    yield ["is a number that is not defined", 99];
  } else if (message && !isWrapperDesc(message) && message.typeName !== "google.protobuf.Duration") {
    yield* messagesOf(message, given, site);
  } else {
    const scalar = message ? message.fields[0]?.scalar : (field.scalar as ScalarType);
    const isDuration = message?.typeName === "google.protobuf.Duration";
    const candidates = isDuration ? durations : scalarsOf(scalar ?? ScalarType.STRING, limitsOf(field));
    for (const value of candidates) {
      if (value !== given) yield [`is ${shown(value)}`, value];
    }
  }
}

function* messagesOf(desc: DescMessage, given: JsonValue | undefined, site: Site): Generator<Value> {
  if (desc.typeName === AnySchema.typeName) {
    const type = isObject(given) ? given["@type"] : undefined;
    const held = typeof type === "string" ? site.registry.getMessage(type.slice(type.lastIndexOf("/") + 1)) : undefined;
    if (!held || !isObject(given)) return;
    for (const { change, json } of mutants(held, given, { ...site, path: "" })) yield [change, json];
    return;
  }
  if (desc.typeName.startsWith("google.protobuf.")) return;
  yield ["is an empty message", {}];
  if (!isObject(given)) return;
  for (const { change, json } of mutants(desc, given, { ...site, path: "" })) yield [change, json];
}

const durations = ["0s", "-1s", "0.0005s", "0.001s", "1s", "301s", "4294967296s"];

function* scalarsOf(scalar: ScalarType, limits: readonly number[]): Generator<JsonValue> {
  switch (scalar) {
    case ScalarType.BOOL:
      return yield* [true, false];
    case ScalarType.STRING:
      return yield* ["", "x", "x\ny", "x\u0000y", "x".repeat(16_385)];
    case ScalarType.BYTES:
      return yield* ["", "AAAA"];
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return yield* [0, -1, ...limits.flatMap((limit) => [limit - 0.01, limit, limit + 0.01])];
    default:
      return yield* [...new Set([0, 1, -1, ...limits.flatMap((limit) => [limit - 1, limit, limit + 1])])];
  }
}

/** The numbers that the rules of a field name. */
function limitsOf(field: DescField): readonly number[] {
  if (!hasOption(field, rules)) return [];
  const { type } = getOption(field, rules);
  const inner = type.case === "repeated" ? type.value.items?.type.value : type.value;
  const named = inner as Readonly<Record<string, unknown>> | undefined;
  return ["lt", "lte", "gt", "gte"].flatMap((name) => {
    const limit = named?.[name];
    return typeof limit === "number" || typeof limit === "bigint" ? [Number(limit)] : [];
  });
}

function without(json: JsonObject, fields: readonly DescField[]): JsonObject {
  const names = new Set(fields.map((field) => field.jsonName));
  return Object.fromEntries(Object.entries(json).filter(([name]) => !names.has(name)));
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}… (${text.length} characters)` : text;
}
