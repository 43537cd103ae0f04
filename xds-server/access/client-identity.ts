import { X509Certificate } from "node:crypto";

/**
 * Who a verified client certificate says its owner is: SPIFFE ids (`spiffe://example.org/edge`) and DNS names, of its subject
 * alternative names; the common name does not count. Empty when it has none.
 */
export function identitiesOf(certificate: Uint8Array): string[] {
  const names = new X509Certificate(certificate).subjectAltName;
  return names === undefined ? [] : parseNames(names).flatMap(identityOf);
}

type AlternativeName = { readonly kind: string; readonly value: string };

/** One name of Node's list; it quotes, as JSON, every value with a character that could be taken for a separator. */
const alternativeName = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)/y;

/** Node's text of the alternative names: `URI:spiffe://a/b, DNS:"a, b"`. A list that is not of that form gives no names. */
export function parseNames(text: string): AlternativeName[] {
  const names: AlternativeName[] = [];
  alternativeName.lastIndex = 0;
  let end = 0;
  while (end < text.length) {
    const match = alternativeName.exec(text);
    if (!match) return [];
    end = alternativeName.lastIndex;
    const [, kind = "", value = ""] = match;
    names.push({ kind, value: value.startsWith('"') ? String(JSON.parse(value)) : value });
  }
  return names;
}

const spiffeId = /^spiffe:\/\/[a-z0-9._-]{1,255}(\/[A-Za-z0-9._-]+)*$/;
const dnsName = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

function identityOf({ kind, value }: AlternativeName): string[] {
  if (kind === "URI") return spiffeId.test(value) ? [value] : [];
  const name = value.toLowerCase();
  return kind === "DNS" && dnsName.test(name) ? [name] : [];
}
