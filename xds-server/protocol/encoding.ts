import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** A resource ready to be sent: `delta` is a whole `resources` field of a delta response, `sotw` its tail. */
export type Frames = {
  readonly delta: Uint8Array;
  readonly sotw: Uint8Array;
  /** Present when the resource has a time to live. */
  readonly lifetime?: Lifetime;
};

/** What is sent of a resource that a client forgets `ttlMs` after it last heard of it. */
export type Lifetime = {
  readonly ttlMs: number;
  /** The `resources` field of a state-of-the-world response with the time to live, which needs a `Resource` around it. */
  readonly wrapped: Uint8Array;
  /** The `resources` field of a delta response without the resource itself: its time starts anew. */
  readonly heartbeat: Uint8Array;
};

export type EncodedResource = {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  readonly body: Uint8Array;
  readonly ttlMs?: number | undefined;
};

/**
 * Encodes one resource as the `resources` field (number 2) of both kinds of response. `Resource.resource`,
 * `DiscoveryResponse.resources` and `DeltaDiscoveryResponse.resources` all have number 2, so with the `Any` as the last
 * field of `Resource` the state-of-the-world frame is the tail of the delta frame: one copy of the bytes serves both.
 */
export function encodeFrames({ typeUrl, name, version, body, ttlMs }: EncodedResource): Frames {
  const any = fieldsLength(body.length > 0 ? [typeUrl, body] : [typeUrl]);
  const ttl = ttlMs === undefined ? undefined : durationOf(ttlMs);
  const head = fieldsLength(ttl ? [name, version, ttl] : [name, version]);
  const sotwLength = 1 + varintLength(any) + any;
  // Not from the pool of Node: a resource lives long, and would keep a slab of 64 KiB of others' bytes with it.
  const delta = Buffer.allocUnsafeSlow(1 + varintLength(head + sotwLength) + head + sotwLength);
  let at = writeLength(delta, 0, 2, head + sotwLength);
  at = writeField(delta, at, 3, name);
  at = writeField(delta, at, 1, version);
  if (ttl) at = writeField(delta, at, 6, ttl);
  const sotwAt = at;
  at = writeLength(delta, at, 2, any);
  at = writeField(delta, at, 1, typeUrl);
  if (body.length > 0) writeField(delta, at, 2, body);
  const frames = { delta, sotw: delta.subarray(sotwAt) };
  if (ttlMs === undefined) return frames;
  const resource = delta.subarray(sotwAt - head);
  const wrapped = resourcesField(anyOf(resourceTypeUrl, resource));
  return { ...frames, lifetime: { ttlMs, wrapped, heartbeat: resourcesField(resource.subarray(0, head)) } };
}

const resourceTypeUrl = "type.googleapis.com/envoy.service.discovery.v3.Resource";

function resourcesField(bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(bytes).finish();
}

function anyOf(typeUrl: string, body: Uint8Array): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(typeUrl)
    .tag(2, WireType.LengthDelimited)
    .bytes(body)
    .finish();
}

type FieldValue = string | Uint8Array;

/** Bytes of a message with these length-delimited fields, all of numbers below 16. */
function fieldsLength(values: readonly FieldValue[]): number {
  let length = 0;
  for (const value of values) {
    const own = byteLength(value);
    length += 1 + varintLength(own) + own;
  }
  return length;
}

function byteLength(value: FieldValue): number {
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Writes a field and gives the position after it. */
function writeField(target: Buffer, at: number, field: number, value: FieldValue): number {
  const length = byteLength(value);
  const start = writeLength(target, at, field, length);
  if (typeof value === "string") target.write(value, start);
  else target.set(value, start);
  return start + length;
}

/** Writes the tag of a length-delimited field and its length. */
function writeLength(target: Buffer, at: number, field: number, length: number): number {
  let position = at;
  target[position++] = (field << 3) | WireType.LengthDelimited;
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[position++] = (rest % 0x80) | 0x80;
  target[position++] = rest;
  return position;
}

/** A `google.protobuf.Duration`. */
function durationOf(milliseconds: number): Uint8Array {
  const seconds = Math.floor(milliseconds / 1000);
  const nanos = Math.round((milliseconds - seconds * 1000) * 1e6);
  return new BinaryWriter().tag(1, WireType.Varint).int64(seconds).tag(2, WireType.Varint).int32(nanos).finish();
}

/** Encodes a message that holds nothing but a name in field 1. */
export function encodeNameOnly(name: string): Uint8Array {
  return new BinaryWriter().tag(1, WireType.LengthDelimited).string(name).finish();
}

/** Bytes of a message below which one copy costs less than several pieces. */
const copiedBytes = 64 * 1024;

/** A response as a gRPC message in pieces, most of which are shared by many streams. */
export class EncodedResponse {
  /** Bytes of the message, without the five in front of it that gRPC adds. */
  readonly byteLength: number;
  readonly #head: Uint8Array;
  readonly #frames: readonly Uint8Array[];

  constructor(head: Uint8Array, frames: readonly Uint8Array[]) {
    this.#head = head;
    this.#frames = frames;
    let byteLength = head.length;
    for (const frame of frames) byteLength += frame.length;
    this.byteLength = byteLength;
  }

  /** The pieces to be written one after the other, and not to be changed: a large message is never copied as a whole. */
  pieces(): readonly Uint8Array[] {
    const prefixed = Buffer.allocUnsafe(5 + (this.byteLength < copiedBytes ? this.byteLength : this.#head.length));
    prefixed[0] = 0;
    prefixed.writeUInt32BE(this.byteLength, 1);
    prefixed.set(this.#head, 5);
    if (this.byteLength >= copiedBytes) return [prefixed, ...this.#frames];
    let at = 5 + this.#head.length;
    for (const frame of this.#frames) {
      prefixed.set(frame, at);
      at += frame.length;
    }
    return [prefixed];
  }
}

/** Encodes a `DiscoveryResponse` around ready `sotw` frames. */
export function encodeSotwResponse(
  typeUrl: string,
  version: string,
  nonce: string,
  frames: readonly Uint8Array[],
): EncodedResponse {
  return encodeResponse(typeUrl, version, nonce, frames, []);
}

/** Encodes a `DeltaDiscoveryResponse` around ready `delta` frames. */
export function encodeDeltaResponse(
  typeUrl: string,
  systemVersion: string,
  nonce: string,
  frames: readonly Uint8Array[],
  removed: readonly string[],
): EncodedResponse {
  return encodeResponse(typeUrl, systemVersion, nonce, frames, removed);
}

/** Both kinds of response have the version, the type and the nonce under the same numbers. */
function encodeResponse(
  typeUrl: string,
  version: string,
  nonce: string,
  frames: readonly Uint8Array[],
  removed: readonly string[],
): EncodedResponse {
  const head = Buffer.allocUnsafe(fieldsLength([version, typeUrl, nonce]) + fieldsLength(removed));
  let at = writeField(head, 0, 1, version);
  at = writeField(head, at, 4, typeUrl);
  at = writeField(head, at, 5, nonce);
  for (const name of removed) at = writeField(head, at, 6, name);
  return new EncodedResponse(head, frames);
}
