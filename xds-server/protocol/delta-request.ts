import { isAscii } from "node:buffer";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { type Claim, ClaimSum } from "./claim.ts";
import { decodeNode, type Node } from "./node.ts";
import { type CommonRequest, decodeErrorDetail, type ErrorDetail } from "./request.ts";
import {
  completed,
  fieldsAtAStep,
  inSteps,
  MalformedRequestError,
  maxNameCharacters,
  nameCollector,
  TooManyNamesError,
} from "./wire.ts";

/** `envoy.service.discovery.v3.DeltaDiscoveryRequest`. Not to be spread: what was decoded of bytes has getters. */
export type DeltaRequest = CommonRequest & {
  /** What `subscribe` and `initialVersions` come to, known without decoding them. */
  readonly claims?: { readonly names: Claim; readonly versions: Claim };
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
  /** Decodes `subscribe` and `initialVersions` ahead, a piece at each step; throws a `MalformedRequestError`. */
  decodeAhead?(): Generator<undefined, void>;
  /** Further names of the request before: what the client said there that it holds counts for these as well. */
  readonly isContinued?: boolean;
};

/** Entries of `initial_resource_versions`: more than any table that is served. */
const maxVersions = 500_000;

/** The bytes of a request, and how many names it may have. */
type Source = { readonly bytes: Uint8Array; readonly maxNames: number };

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
  const request = new DecodedDeltaRequest({ bytes, maxNames }, unsubscribed.names);
  const { claims } = request;
  const reader = new BinaryReader(bytes);
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
      7: () => (request.error = decodeErrorDetail(reader.bytes())),
    },
    fieldsAtAStep.hashed,
  );
  return request;
}

/**
 * A client that comes back lists all that it has: mostly what the server has, which the claims tell at a tenth of the cost. So
 * its lists are decoded when they are looked at. A class, because V8 makes a hidden class for each object literal with getters.
 */
class DecodedDeltaRequest implements DeltaRequest {
  node: Node | undefined = undefined;
  typeUrl = "";
  responseNonce = "";
  error: ErrorDetail | undefined = undefined;
  readonly claims = { names: new ClaimSum(), versions: new ClaimSum() };
  readonly unsubscribe: readonly string[];
  readonly #source: Source;
  #subscribe: readonly string[] | undefined;
  #initialVersions: ReadonlyMap<string, string> | undefined;

  constructor(source: Source, unsubscribe: readonly string[]) {
    this.#source = source;
    this.unsubscribe = unsubscribe;
  }

  get subscribe(): readonly string[] {
    this.#subscribe ??= this.claims.names.count > 0 ? completed(namesOf(this.#source)) : [];
    return this.#subscribe;
  }

  get initialVersions(): ReadonlyMap<string, string> {
    this.#initialVersions ??= this.claims.versions.count > 0 ? completed(versionsOf(this.#source)) : new Map();
    return this.#initialVersions;
  }

  *decodeAhead(): Generator<undefined, void> {
    this.#subscribe ??= yield* namesOf(this.#source);
    this.#initialVersions ??= yield* versionsOf(this.#source);
  }
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

function* namesOf({ bytes, maxNames }: Source): Generator<undefined, readonly string[]> {
  const collector = nameCollector(maxNames);
  const reader = new BinaryReader(bytes);
  yield* inSteps("DeltaDiscoveryRequest", reader, { 3: () => collector.add(reader.string()) });
  return collector.names;
}

function* versionsOf({ bytes }: Source): Generator<undefined, ReadonlyMap<string, string>> {
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
