import { hash } from "node:crypto";
import { heldHash, nameHash } from "./claim.ts";
import type { Digest } from "./digest-sum.ts";
import { encodeFrames, type Frames } from "./wire.ts";

/** What the owner of a snapshot hands in for one resource. */
export type ResourceInput = {
  /** The encoded resource message (a `Cluster`, a `Listener` ...), without an `Any` around it. Not to be changed later. */
  readonly bytes: Uint8Array;
  /** Default: a short hash of `bytes`, equal on every replica. An equal version means that nothing changed. */
  readonly version?: string;
  /**
   * Time to live: a client drops the resource when it has not heard of it for this many milliseconds. The server sends
   * heartbeats meanwhile, so it goes only when no server is there. Never by default.
   */
  readonly ttlMs?: number;
  /** For a Cluster: the `ClusterLoadAssignment` to resend after the cluster changed; default is the resource's name. */
  readonly endpointsName?: string;
};

/** One resource, encoded once; its bytes are shared by every stream and group. */
export type StoredResource = Frames & {
  readonly name: string;
  readonly version: string;
  readonly endpointsName: string;
  /** Stands for name and version in the version of the whole type; 64 bits. */
  readonly digest: Digest;
  /** The hashes by which a client's claims are recognised: that it subscribes to the name, that it holds this version. */
  readonly nameHash: Digest;
  readonly heldHash: Digest;
};

/**
 * Characters of a hash version: 54 bits. A version is only compared with others of the same name, so a change goes unnoticed with
 * a chance of 1 in 10^16; and a client that reconnects sends back every version that it holds.
 */
const versionCharacters = 9;

/** Throws a RangeError when a time to live is none. */
function checkTtl(name: string, ttlMs: number | undefined): void {
  if (ttlMs !== undefined && !(ttlMs > 0 && Number.isFinite(ttlMs)))
    throw new RangeError(`resource "${name}": ttlMs is ${ttlMs}; it has to be a number of milliseconds above 0`);
}

/** A short content hash: 9 base64url characters of SHA-256. */
export function contentVersion(bytes: Uint8Array): string {
  return hash("sha256", bytes, "base64url").slice(0, versionCharacters);
}

function digestOf(name: string, version: string): Digest {
  const bytes = hash("sha256", `${name}\0${version}`, "buffer");
  return { high: bytes.readUInt32BE(0), low: bytes.readUInt32BE(4) };
}

/** `input` may be what another group of the same store has: it is shared as it is. */
export type ResourceEncoder = (typeUrl: string, name: string, input: ResourceInput | StoredResource) => StoredResource;

type Encoded = {
  readonly typeUrl: string;
  readonly version: string | undefined;
  readonly ttlMs: number | undefined;
  readonly resource: StoredResource;
};

/**
 * An encoder that recognises the same `bytes` object: a resource that sits in several groups, or in one snapshot after the
 * other, is encoded and hashed once.
 */
export function createResourceEncoder(): ResourceEncoder {
  const encoded = new WeakMap<Uint8Array, Encoded>();
  return (typeUrl, name, input) => {
    if ("delta" in input) return input;
    const endpointsName = input.endpointsName ?? name;
    const known = encoded.get(input.bytes);
    if (
      known?.typeUrl === typeUrl &&
      known.resource.name === name &&
      known.resource.endpointsName === endpointsName &&
      known.version === input.version &&
      known.ttlMs === input.ttlMs
    ) {
      return known.resource;
    }
    const { bytes: body, ttlMs } = input;
    checkTtl(name, ttlMs);
    const version =
      input.version ?? contentVersion(ttlMs === undefined ? body : Buffer.concat([body, Buffer.from(`ttl ${ttlMs}`)]));
    const digest = digestOf(name, version);
    const hashes = { digest, nameHash: nameHash(name), heldHash: heldHash(name, version) };
    const frames = encodeFrames({ typeUrl, name, version, body, ttlMs });
    const resource = { name, version, endpointsName, ...hashes, ...frames };
    encoded.set(body, { typeUrl, version: input.version, ttlMs, resource });
    return resource;
  };
}
