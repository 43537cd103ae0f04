import { isIP } from "node:net";
import { type BytesRules, KnownRegex, type StringRules } from "../../proto/gen/validate/validate_pb.js";
import { type Condition, equalTo, noneOf, oneOf, type RuleTable, show } from "./condition.ts";

type WellKnown<T extends string> = { readonly [Name in T]: (wanted: boolean) => Condition<string> | null };

const utf8Bytes = (value: string) => BigInt(Buffer.byteLength(value));

const wellKnown: WellKnown<"ip" | "ipv4" | "ipv6" | "hostname" | "address" | "uuid"> = {
  ip: (wanted) => format(wanted, "an IP address", (value) => isIP(value) !== 0),
  ipv4: (wanted) => format(wanted, "an IPv4 address", (value) => isIP(value) === 4),
  ipv6: (wanted) => format(wanted, "an IPv6 address", (value) => isIP(value) === 6),
  hostname: (wanted) => format(wanted, "a host name", isHostname),
  address: (wanted) =>
    format(wanted, "a host name or an IP address", (value) => isIP(value) !== 0 || isHostname(value)),
  uuid: (wanted) => format(wanted, "a UUID", (value) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)),
};

/**
 * Rules of string. Lengths are in Unicode characters, or in bytes of UTF-8 where the name says so. `email`, `uri` and
 * `uri_ref` are left out because Envoy's own checks (protoc-gen-validate for C++) have no code for them.
 */
export const stringRules: RuleTable<StringRules, string, "wellKnown"> &
  typeof wellKnown & { readonly wellKnownRegex: unknown } = {
  const: (wanted) => equalTo(wanted),
  len: (length) => ({ words: `have ${length} characters`, holds: (value) => codePoints(value) === length }),
  minLen: (least) => ({
    words: `have at least ${counted(least, "character")}`,
    holds: (value) => codePoints(value) >= least,
  }),
  maxLen: (most) => ({
    words: `have at most ${counted(most, "character")}`,
    holds: (value) => codePoints(value) <= most,
  }),
  lenBytes: (length) => ({ words: `have ${length} bytes`, holds: (value) => utf8Bytes(value) === length }),
  minBytes: (least) => ({
    words: `have at least ${counted(least, "byte")}`,
    holds: (value) => utf8Bytes(value) >= least,
  }),
  maxBytes: (most) => ({ words: `have at most ${counted(most, "byte")}`, holds: (value) => utf8Bytes(value) <= most }),
  pattern: (pattern) => matching(pattern),
  prefix: (prefix) => ({ words: `start with ${show(prefix)}`, holds: (value) => value.startsWith(prefix) }),
  suffix: (suffix) => ({ words: `end with ${show(suffix)}`, holds: (value) => value.endsWith(suffix) }),
  contains: (part) => ({ words: `contain ${show(part)}`, holds: (value) => value.includes(part) }),
  notContains: (part) => ({ words: `not contain ${show(part)}`, holds: (value) => !value.includes(part) }),
  in: (allowed) => oneOf(allowed),
  notIn: (refused) => noneOf(refused),
  strict: () => null,
  ignoreEmpty: () => null,
  ...wellKnown,
  wellKnownRegex: (known: KnownRegex, set: Partial<StringRules>) => headerText(known, set.strict ?? true),
};

/** Rules of bytes; lengths are in bytes. A pattern has no proto to read it from, so it is left out. */
export const bytesRules: RuleTable<BytesRules, Uint8Array, "wellKnown" | "pattern"> = {
  const: (wanted) => equalTo(wanted, sameBytes),
  len: (length) => ({ words: `have ${length} bytes`, holds: (value) => BigInt(value.length) === length }),
  minLen: (least) => ({
    words: `have at least ${counted(least, "byte")}`,
    holds: (value) => BigInt(value.length) >= least,
  }),
  maxLen: (most) => ({
    words: `have at most ${counted(most, "byte")}`,
    holds: (value) => BigInt(value.length) <= most,
  }),
  prefix: (prefix) => ({
    words: `start with ${show(prefix)}`,
    holds: (value) => sameBytes(value.subarray(0, prefix.length), prefix),
  }),
  suffix: (suffix) => ({
    words: `end with ${show(suffix)}`,
    holds: (value) => value.length >= suffix.length && sameBytes(value.subarray(value.length - suffix.length), suffix),
  }),
  contains: (part) => ({
    words: `contain ${show(part)}`,
    holds: (value) => Buffer.from(value).includes(Buffer.from(part)),
  }),
  in: (allowed) => oneOf(allowed, sameBytes),
  notIn: (refused) => noneOf(refused, sameBytes),
  ignoreEmpty: () => null,
};

/** Unicode characters; a loop, because it runs for nearly every string of every resource. */
function codePoints(value: string): bigint {
  let count = 0;
  for (let index = 0; index < value.length; count++) index += (value.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  return BigInt(count);
}

const sameBytes = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** The patterns are those of Envoy's protos, not a user's: JavaScript's own engine reads them like RE2. */
function matching(pattern: string): Condition<string> {
  const expression = new RegExp(`^(?:${pattern})$`, "u");
  return { words: `match ${pattern}`, holds: (value) => expression.test(value) };
}

function format(wanted: boolean, name: string, holds: (value: string) => boolean): Condition<string> | null {
  return wanted ? { words: `be ${name}`, holds } : null;
}

/** As protoc-gen-validate for C++ has it: labels of letters, digits and inner hyphens, with or without a last dot. */
function isHostname(value: string): boolean {
  const labels = value.replace(/\.$/, "").split(".");
  return value.length <= 253 && labels.every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/i.test(label));
}

// The expressions of protoc-gen-validate. `+-.` in the first is a range that takes in the comma.
// biome-ignore-start lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const headerName = /^:?[0-9a-zA-Z!#$%&'*+-.^_|~`]+$/;
const headerValue = /^[^\u0000-\u0008\u000A-\u001F\u007F]*$/;
const headerString = /^[^\u0000\u000A\u000D]*$/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: see above

function headerText(known: KnownRegex, strict: boolean): Condition<string> | null {
  switch (known) {
    case KnownRegex.UNKNOWN:
      return null;
    case KnownRegex.HTTP_HEADER_NAME:
      return strict
        ? { words: "be a header name", holds: (value) => headerName.test(value) }
        : { words: "be a header name without NUL, CR or LF", holds: (value) => headerString.test(value) };
    case KnownRegex.HTTP_HEADER_VALUE:
      return strict
        ? { words: "be a header value without control characters", holds: (value) => headerValue.test(value) }
        : { words: "be a header value without NUL, CR or LF", holds: (value) => headerString.test(value) };
  }
}

export function counted(count: bigint, noun: string): string {
  return `${count} ${noun}${count === 1n ? "" : "s"}`;
}
