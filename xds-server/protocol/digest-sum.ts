/**
 * A number of 64 bits, its halves with a sign or without: there is one for each resource, and only signed ones are small integers
 * to V8, which take no objects of their own.
 */
export type Digest = { readonly high: number; readonly low: number };

/** A set of digests, by their sum modulo 2^64: it does not depend on order, and a change costs one addition. */
export class DigestSum {
  high = 0;
  low = 0;

  add(high: number, low: number): void {
    const sum = this.low + (low >>> 0);
    this.low = sum >>> 0;
    this.high = (this.high + high + (sum > 0xffff_ffff ? 1 : 0)) >>> 0;
  }

  subtract(high: number, low: number): void {
    const difference = this.low - (low >>> 0);
    this.low = difference >>> 0;
    this.high = (this.high - high - (difference < 0 ? 1 : 0)) >>> 0;
  }

  copy(): DigestSum {
    const copy = new DigestSum();
    copy.add(this.high, this.low);
    return copy;
  }

  equals(other: Digest): boolean {
    return this.high === other.high >>> 0 && this.low === other.low >>> 0;
  }

  /** 11 base64url characters. */
  text(): string {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(this.high, 0);
    bytes.writeUInt32BE(this.low, 4);
    return bytes.toString("base64url");
  }
}
