/**
 * A text as a Lua string literal. Printable ASCII stands for itself, but for the quote and the backslash, which a backslash
 * precedes; every other byte of its UTF-8 is a decimal escape of three digits. So nothing in a text can end the literal.
 */
export function luaString(text: string): string {
  let literal = '"';
  for (const byte of new TextEncoder().encode(text)) {
    if (byte === 0x22 || byte === 0x5c) literal += "\\";
    literal += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, "0")}`;
  }
  return `${literal}"`;
}

/** A finite number as a Lua numeral, in parentheses where it has a sign. Throws for NaN and infinities. */
export function luaNumber(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`${value} is no number that documents can have`);
  return value < 0 || Object.is(value, -0) ? `(${value})` : String(value);
}

/** A string, number or boolean as a Lua literal. */
export function luaScalar(value: string | number | boolean): string {
  if (typeof value === "string") return luaString(value);
  return typeof value === "number" ? luaNumber(value) : String(value);
}
