import { hash } from "node:crypto";
import { heldHash, nameHash } from "./claim.ts";
import type { Digest } from "./digest-sum.ts";
import { encodeFrames, type Frames } from "./encoding.ts";

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
  return { high: bytes.readInt32BE(0), low: bytes.readInt32BE(4) };
}

/** Encodes and hashes a resource, which takes a few microseconds; what is encoded already, of this or another group, is shared. */
export function encodeResource(typeUrl: string, name: string, input: ResourceInput | StoredResource): StoredResource {
  if ("delta" in input) return input;
  const { bytes: body, ttlMs, endpointsName = name } = input;
  checkTtl(name, ttlMs);
  const version =
    input.version ?? contentVersion(ttlMs === undefined ? body : Buffer.concat([body, Buffer.from(`ttl ${ttlMs}`)]));
  const digest = digestOf(name, version);
  const hashes = { digest, nameHash: nameHash(name), heldHash: heldHash(name, version) };
  return { name, version, endpointsName, ...hashes, ...encodeFrames({ typeUrl, name, version, body, ttlMs }) };
}
