import { isAscii } from "node:buffer";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { type Claim, ClaimSum } from "./claim.ts";

/** Who subscribes, as far as the protocol layer and the choice of a group need it (`envoy.config.core.v3.Node`). */
export type Node = {
  readonly id: string;
  readonly cluster: string;
  /** What kind of client it is: `envoy`, `gRPC C-core` ... */
  readonly userAgentName: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  /** What it says that it understands, such as `xds.config.resource-in-sotw`. */
  readonly clientFeatures?: readonly string[];
};

/** The reason of a NACK (`google.rpc.Status`). */
export type ErrorDetail = { readonly code: number; readonly message: string };

type CommonRequest = {
  /** Required in the first message of a stream only. */
  readonly node: Node | undefined;
  readonly typeUrl: string;
  readonly responseNonce: string;
  /** Present in a NACK. */
  readonly error: ErrorDetail | undefined;
};

/** `envoy.service.discovery.v3.DiscoveryRequest`. */
export type SotwRequest = CommonRequest & {
  readonly versionInfo: string;
  readonly resourceNames: readonly string[];
};

/** `envoy.service.discovery.v3.DeltaDiscoveryRequest`. */
export type DeltaRequest = CommonRequest & {
  /** What `subscribe` and `initialVersions` come to, known without decoding them. */
  readonly claims?: { readonly names: Claim; readonly versions: Claim };
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  /** Decodes `subscribe` and `initialVersions` ahead, a piece at each step; throws a `MalformedRequestError`. */
  readonly decodeAhead?: () => Generator<undefined, void>;
  /** Further names of the request before: what the client said there that it holds counts for these as well. */
  readonly isContinued?: boolean;
};

/** Bytes that are no request of the protocol. */
export class MalformedRequestError extends Error {
  override readonly name = "MalformedRequestError";
}

/** A request with more names than are served. */
export class TooManyNamesError extends Error {
  override readonly name = "TooManyNamesError";
}

/** Entries of `initial_resource_versions`: more than any table that is served. */
const maxVersions = 500_000;

/** Characters of a resource name: the longest that is still a name. */
const maxNameCharacters = 4096;

/** Bytes of a node: its metadata are decoded into objects. */
const maxNodeBytes = 1024 * 1024;

/** Collects names up to a limit. */
function nameCollector(maxNames: number) {
  const names: string[] = [];
  return {
    names,
    add: (name: string) => {
      if (names.length >= maxNames) throw new TooManyNamesError(`more than ${maxNames} names in one request`);
      if (name.length > maxNameCharacters)
        throw new MalformedRequestError(`a name of ${name.length} characters; at most ${maxNameCharacters}`);
      names.push(name);
    },
  };
}

/** Makes of whatever the reader throws what the caller knows. */
function decoding<Request>(what: string, decode: () => Request): Request {
  try {
    return decode();
  } catch (error) {
    if (error instanceof TooManyNamesError || error instanceof MalformedRequestError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MalformedRequestError(`not a ${what}: ${reason}`, { cause: error });
  }
}

/**
 * Decodes a `DiscoveryRequest`, a piece at each step. Throws a `MalformedRequestError`, or a `TooManyNamesError` beyond
 * `maxNames`.
 */
export function* decodeSotwRequest(
  bytes: Uint8Array,
  maxNames = Number.POSITIVE_INFINITY,
): Generator<undefined, SotwRequest> {
  const collector = nameCollector(maxNames);
  const reader = new BinaryReader(bytes);
  const request = { ...emptyRequest, versionInfo: "", resourceNames: collector.names };
  yield* inSteps(
    "DiscoveryRequest",
    reader,
    {
      1: () => (request.versionInfo = reader.string()),
      2: () => (request.node = decodeNode(reader.bytes())),
      3: () => collector.add(reader.string()),
      4: () => (request.typeUrl = reader.string()),
      5: () => (request.responseNonce = reader.string()),
      6: () => (request.error = decodeStatus(reader.bytes())),
    },
    fieldsAtAStep.hashed,
  );
  return request;
}

/**
 * Decodes a `DeltaDiscoveryRequest`, a piece at each step. Throws a `MalformedRequestError`, or a `TooManyNamesError` when it
 * subscribes to more than `maxNames`, or unsubscribes from more, or holds more than 500,000 versions. What it subscribes to and
 * what it holds are decoded when they are looked at, which throws a `MalformedRequestError` too.
 */
export function* decodeDeltaRequest(
  bytes: Uint8Array,
  maxNames = Number.POSITIVE_INFINITY,
): Generator<undefined, DeltaRequest> {
  const unsubscribed = nameCollector(maxNames);
  const claims = { names: new ClaimSum(), versions: new ClaimSum() };
  const reader = new BinaryReader(bytes);
  let [subscribe, initialVersions]: [(readonly string[])?, ReadonlyMap<string, string>?] = [];
  const request = {
    ...emptyRequest,
    claims,
    unsubscribe: unsubscribed.names,
    // A client that comes back lists all that it has: mostly what the server has, which the claims tell at a tenth of the cost.
    get subscribe() {
      subscribe ??= claims.names.count > 0 ? completed(namesOf(bytes, maxNames)) : [];
      return subscribe;
    },
    get initialVersions() {
      initialVersions ??= claims.versions.count > 0 ? completed(versionsOf(bytes)) : new Map();
      return initialVersions;
    },
    *decodeAhead() {
      subscribe ??= yield* namesOf(bytes, maxNames);
      initialVersions ??= yield* versionsOf(bytes);
    },
  };
  yield* inSteps(
    "DeltaDiscoveryRequest",
    reader,
    {
      1: () => (request.node = decodeNode(reader.bytes())),
      2: () => (request.typeUrl = reader.string()),
      3: () => addToClaim(claims.names, reader, bytes, { maxNames, maxBytes: 4 * maxNameCharacters }),
      4: () => unsubscribed.add(reader.string()),
      5: () => addToClaim(claims.versions, reader, bytes, versionLimits),
      6: () => (request.responseNonce = reader.string()),
      7: () => (request.error = decodeStatus(reader.bytes())),
    },
    fieldsAtAStep.hashed,
  );
  return request;
}

type ClaimLimits = { readonly maxNames: number; readonly maxBytes: number };

const versionLimits: ClaimLimits = { maxNames: maxVersions, maxBytes: Number.POSITIVE_INFINITY };

function addToClaim(claim: ClaimSum, reader: BinaryReader, bytes: Uint8Array, limits: ClaimLimits): void {
  const { maxNames, maxBytes } = limits;
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new MalformedRequestError("a field that goes beyond the end");
  claim.add(bytes, reader.pos, end);
  reader.pos = end;
  if (length > maxBytes) throw new MalformedRequestError(`a name of ${length} bytes; at most ${maxBytes}`);
  if (claim.count > maxNames) throw new TooManyNamesError(`more than ${maxNames} names in one request`);
}

/** Fields that are decoded at a step, and fields of which no more than their hash, or a name, is taken: a few milliseconds of work. */
const fieldsAtAStep = { decoded: 2048, hashed: 16_384 };

/** `what` is being read, for the message when it is no such thing. Most requests are read in one step. */
function* inSteps(
  what: string,
  reader: BinaryReader,
  fields: FieldReaders,
  atAStep = fieldsAtAStep.decoded,
): Generator<undefined, void> {
  for (;;) {
    decoding(what, () => readFields(reader, reader.len, fields, atAStep));
    if (reader.pos >= reader.len) return;
    yield;
  }
}

function* namesOf(bytes: Uint8Array, maxNames: number): Generator<undefined, readonly string[]> {
  const collector = nameCollector(maxNames);
  const reader = new BinaryReader(bytes);
  yield* inSteps("DeltaDiscoveryRequest", reader, { 3: () => collector.add(reader.string()) });
  return collector.names;
}

function* versionsOf(bytes: Uint8Array): Generator<undefined, ReadonlyMap<string, string>> {
  const versions = new Map<string, string>();
  const reader = new BinaryReader(bytes);
  // Of text that is ASCII, all is decoded in one go, and names are pieces of that: a quarter of the cost.
  const text = isAscii(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
    : undefined;
  const readString = () => {
    if (text === undefined) return reader.string();
    const length = reader.uint32();
    const start = reader.pos;
    reader.pos += length;
    if (reader.pos > reader.len) throw new RangeError("a text that goes beyond the end");
    return text.slice(start, reader.pos);
  };
  yield* inSteps("DeltaDiscoveryRequest", reader, { 5: () => readMapEntry(reader, versions, readString) });
  return versions;
}

/** The outcome of work that is done in steps, all of them at once. */
export function completed<Outcome>(work: Generator<undefined, Outcome>): Outcome {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

const emptyRequest = {
  node: undefined as Node | undefined,
  typeUrl: "",
  responseNonce: "",
  error: undefined as ErrorDetail | undefined,
};

/** Field number to what reads the field. */
type FieldReaders = Readonly<Record<number, () => unknown>>;

/** Only length-delimited and varint fields are read; a field of another wire type than expected makes the reader throw. */
function readFields(reader: BinaryReader, end: number, fields: FieldReaders, atMost = Number.POSITIVE_INFINITY): void {
  for (let count = 0; reader.pos < end && count < atMost; count++) {
    const [field, wireType] = reader.tag();
    const read = fields[field];
    if (read && (wireType === WireType.LengthDelimited || wireType === WireType.Varint)) read();
    else reader.skip(wireType, field);
  }
}

function readMapEntry(reader: BinaryReader, into: Map<string, string>, readString: () => string): void {
  const end = reader.uint32() + reader.pos;
  let key = "";
  let value = "";
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) key = readString();
    else if (field === 2 && wireType === WireType.LengthDelimited) value = readString();
    else reader.skip(wireType, field);
  }
  into.set(key, value);
}

function decodeStatus(bytes: Uint8Array): ErrorDetail {
  const reader = new BinaryReader(bytes);
  const status = { code: 0, message: "" };
  readFields(reader, reader.len, {
    1: () => (status.code = reader.int32()),
    2: () => (status.message = reader.string()),
  });
  return status;
}

function decodeNode(bytes: Uint8Array): Node {
  if (bytes.length > maxNodeBytes)
    throw new MalformedRequestError(`a node of ${bytes.length} bytes; at most ${maxNodeBytes}`);
  const reader = new BinaryReader(bytes);
  const metadata: Record<string, unknown> = {};
  const clientFeatures: string[] = [];
  const node = { id: "", cluster: "", userAgentName: "", metadata, locality: noLocality, clientFeatures };
  readFields(reader, reader.len, {
    1: () => (node.id = reader.string()),
    2: () => (node.cluster = reader.string()),
    3: () =>
      (node.metadata = toJson(StructSchema, fromBinary(StructSchema, reader.bytes())) as Record<string, unknown>),
    4: () => (node.locality = decodeLocality(reader.bytes())),
    6: () => (node.userAgentName = reader.string()),
    10: () => clientFeatures.push(reader.string()),
  });
  return node;
}

const noLocality: Node["locality"] = { region: "", zone: "", subZone: "" };

function decodeLocality(bytes: Uint8Array): Node["locality"] {
  const reader = new BinaryReader(bytes);
  const locality = { region: "", zone: "", subZone: "" };
  readFields(reader, reader.len, {
    1: () => (locality.region = reader.string()),
    2: () => (locality.zone = reader.string()),
    3: () => (locality.subZone = reader.string()),
  });
  return locality;
}
