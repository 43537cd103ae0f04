import type { AttributeValue, Context } from "../context.ts";
import type { AttributeType, OneCallAttribute } from "./attributes.ts";

/** Bytes of one attribute in UTF-8, decoded. It bounds what a rule can cost inside Envoy. */
export const maxAttributeBytes = 4096;

/** What is wrong with a header: its name, and a sentence without a subject. */
export type HeaderProblem = { readonly header: string; readonly message: string };

export type HeaderContext =
  | { readonly ok: true; readonly context: Context }
  | { readonly ok: false; readonly problem: HeaderProblem };

/** The bytes of a header as Latin-1, as Node gives them; undefined when it is absent. Several of a name are joined by commas. */
export type HeaderReader = (name: string) => string | undefined;

/**
 * The context of a one-call request: of each attribute its header, or else its member of baggage. A header that cannot be
 * read is a problem; a bad member of baggage, which others write too, is passed over.
 *
 * The same as `selection/lua/filter/context.lua` does inside Envoy: a change of one is a change of both.
 */
export function readContext(header: HeaderReader, attributes: readonly OneCallAttribute[]): HeaderContext {
  const context: { [attribute: string]: AttributeValue } = Object.create(null);
  let baggage: ReadonlyMap<string, string> | null = null;
  for (const { name, header: from, baggage: member, type } of attributes) {
    const text = from === null ? undefined : header(from);
    if (from !== null && text !== undefined) {
      const value = readValue(text, type);
      if (typeof value === "object" && "problem" in value)
        return { ok: false, problem: { header: from, message: value.problem } };
      context[name] = value;
    } else if (member !== null) {
      baggage ??= readBaggage(header("baggage"));
      const found = baggage.get(member);
      const value = found === undefined ? undefined : readValue(found, type);
      if (value !== undefined && !(typeof value === "object" && "problem" in value)) context[name] = value;
    }
  }
  return { ok: true, context };
}

type Problem = { readonly problem: string };

function readValue(text: string, type: AttributeType): AttributeValue | Problem {
  if (type === "list") {
    const members: string[] = [];
    for (const part of trim(text) === "" ? [] : text.split(",")) {
      const member = decode(trim(part));
      if (typeof member !== "string") return member;
      members.push(member);
    }
    return members;
  }
  if (text.includes(",")) return { problem: "has a comma: send it once, and a comma in its value as %2C" };
  const decoded = decode(text);
  if (typeof decoded !== "string") return decoded;
  if (type === "number") return isPlainNumber(decoded) ? Number(decoded) : decoded;
  if (type === "boolean") return decoded === "true" ? true : decoded === "false" ? false : decoded;
  return decoded;
}

/**
 * A number as JSON writes it: at most 15 digits, no exponent, no needless zeros. Anything else stays a text, so that the
 * text of a unit is the same whatever it is read as.
 */
function isPlainNumber(text: string): boolean {
  if (!/^(-?[1-9][0-9]*|0|-?(0|[1-9][0-9]*)\.[0-9]*[1-9])$/.test(text)) return false;
  return text.replace(/[-.]/g, "").length <= 15 && !/^-?0\.000000/.test(text);
}

/** Percent-encoded UTF-8; bytes that are not encoded stand for themselves. */
function decode(text: string): string | Problem {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(text)) return text.length <= maxAttributeBytes ? text : tooLong;
  if (/%(?![0-9A-Fa-f]{2})/.test(text))
    return { problem: "has a % that two hexadecimal digits do not follow; send % as %25" };
  const bytes = Buffer.from(
    text.replace(/%(..)/g, (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    "latin1",
  );
  if (bytes.length > maxAttributeBytes) return tooLong;
  try {
    return utf8.decode(bytes);
  } catch {
    return { problem: "is not UTF-8 in percent-encoding" };
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const tooLong: Problem = { problem: `has more than ${maxAttributeBytes} bytes` };

/** The members of a `baggage` header (W3C Baggage), as sent, the first of each name. */
function readBaggage(text: string | undefined): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  for (const part of text?.split(",") ?? []) {
    const [member = ""] = part.split(";", 1);
    const separator = member.indexOf("=");
    if (separator === -1) continue;
    const name = trim(member.slice(0, separator));
    if (!members.has(name)) members.set(name, trim(member.slice(separator + 1)));
  }
  return members;
}

/** Without the spaces and tabs around it (HTTP's optional whitespace), in one pass, which no regular expression does. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
