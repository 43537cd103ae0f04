import type { AttributeScalar, AttributeValue } from "../selection/context.ts";

/** A ResolveRequest message as {@link parseRequest} takes it, for one objective and without an override. */
export type PlainRequest = {
  namespace?: string;
  objective?: string;
  client?: string;
  context?: { [attribute: string]: AttributeValue };
};

/**
 * Reads the bytes of a ResolveRequest message when they hold nothing but a namespace, an objective, a client and a context
 * of attributes, each once. Null for everything else, of which the generated code makes what is right: other fields,
 * wrong bytes, a nested object, a null, a number that is none, text that is not UTF-8, an attribute called `__proto__`.
 */
export function readPlainRequest(bytes: Buffer): PlainRequest | null {
  const request: PlainRequest = {};
  const wire: Wire = { bytes, at: 0 };
  while (wire.at < bytes.length) {
    const tag = bytes[wire.at];
    wire.at += 1;
    const end = endOf(wire);
    if (end === -1) return null;
    if (tag === fieldTag.context) {
      if (request.context !== undefined) return null;
      const context = readStruct(wire, end);
      if (context === null) return null;
      request.context = context;
      continue;
    }
    const name = tag === fieldTag.namespace ? "namespace" : tag === fieldTag.objective ? "objective" : "client";
    if (name === "client" && tag !== fieldTag.client) return null;
    const text = readText(wire, end);
    // An empty text counts as absent, and need not be sent.
    if (!text || request[name] !== undefined) return null;
    request[name] = text;
  }
  return request.objective === undefined ? null : request;
}

type Wire = { readonly bytes: Buffer; at: number };

/** Field number and wire type 2, in one byte. */
const fieldTag = { namespace: 0x0a, objective: 0x12, context: 0x22, client: 0x3a } as const;
/** Of google.protobuf.Struct's map entries, and of google.protobuf.Value. */
const entryTag = { entries: 0x0a, key: 0x0a, value: 0x12 } as const;
const valueTag = { number: 0x11, text: 0x1a, boolean: 0x20, list: 0x32, values: 0x0a } as const;

/** Reads a length and answers with where the field ends; -1 when it does not end within the bytes. */
function endOf(wire: Wire): number {
  let length = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = wire.bytes[wire.at];
    if (byte === undefined) return -1;
    wire.at += 1;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return wire.at + length <= wire.bytes.length ? wire.at + length : -1;
  }
  return -1;
}

/** Null when it is not UTF-8. */
function readText(wire: Wire, end: number): string | null {
  const text = wire.bytes.toString("utf8", wire.at, end);
  wire.at = end;
  // What is not UTF-8 is read as this character; who really sends it is answered just as well the other way.
  return text.includes("\ufffd") ? null : text;
}

function readStruct(wire: Wire, end: number): { [attribute: string]: AttributeValue } | null {
  const context: { [attribute: string]: AttributeValue } = {};
  while (wire.at < end) {
    if (wire.bytes[wire.at] !== entryTag.entries) return null;
    wire.at += 1;
    const entryEnd = endOf(wire);
    if (entryEnd === -1 || entryEnd > end || !readEntry(wire, entryEnd, context)) return null;
  }
  return context;
}

function readEntry(wire: Wire, end: number, context: { [attribute: string]: AttributeValue }): boolean {
  if (wire.at >= end || wire.bytes[wire.at] !== entryTag.key) return false;
  wire.at += 1;
  const keyEnd = endOf(wire);
  if (keyEnd === -1 || keyEnd >= end) return false;
  const key = readText(wire, keyEnd);
  if (key === null || key === "__proto__" || wire.bytes[wire.at] !== entryTag.value) return false;
  wire.at += 1;
  // The value is the last field of the entry.
  if (endOf(wire) !== end) return false;
  const value = readValue(wire, end);
  if (value === null) return false;
  context[key] = value;
  return true;
}

function readValue(wire: Wire, end: number): AttributeValue | null {
  if (wire.bytes[wire.at] !== valueTag.list) return readScalar(wire, end);
  wire.at += 1;
  if (endOf(wire) !== end) return null;
  const values: AttributeScalar[] = [];
  while (wire.at < end) {
    if (wire.bytes[wire.at] !== valueTag.values) return null;
    wire.at += 1;
    const valueEnd = endOf(wire);
    if (valueEnd === -1 || valueEnd > end) return null;
    const value = readScalar(wire, valueEnd);
    if (value === null) return null;
    values.push(value);
  }
  return values;
}

/** A Value of exactly one field, up to its end. */
function readScalar(wire: Wire, end: number): AttributeScalar | null {
  const tag = wire.bytes[wire.at];
  wire.at += 1;
  if (tag === valueTag.text) return endOf(wire) === end ? readText(wire, end) : null;
  if (tag === valueTag.number && wire.at + 8 === end) {
    const number = wire.bytes.readDoubleLE(wire.at);
    wire.at = end;
    return Number.isFinite(number) ? number : null;
  }
  const byte = wire.bytes[wire.at];
  if (tag !== valueTag.boolean || wire.at + 1 !== end || (byte !== 0 && byte !== 1)) return null;
  wire.at = end;
  return byte === 1;
}
