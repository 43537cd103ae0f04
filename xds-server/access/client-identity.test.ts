import { expect, test } from "vitest";
import { parseNames } from "./client-identity.ts";

// Identities of real certificates: test/xds-tls.test.ts.
test.each([
  [
    "URI:spiffe://a/b, DNS:edge.example",
    [
      ["URI", "spiffe://a/b"],
      ["DNS", "edge.example"],
    ],
  ],
  ["DNS:a", [["DNS", "a"]]],
  [
    "IP Address:127.0.0.1, DNS:b",
    [
      ["IP Address", "127.0.0.1"],
      ["DNS", "b"],
    ],
  ],
  // What a certificate may hold so that one name looks like two.
  ['DNS:"good.example\\u0000.evil.example"', [["DNS", "good.example\0.evil.example"]]],
  [
    'URI:"spiffe://a/b, DNS:edge.example", DNS:c',
    [
      ["URI", "spiffe://a/b, DNS:edge.example"],
      ["DNS", "c"],
    ],
  ],
])("the alternative names %s are told apart", (text, names) => {
  expect(parseNames(text).map(({ kind, value }) => [kind, value])).toEqual(names);
});

test.each(["no names at all", 'DNS:a"b', "DNS:a,DNS:b", 'DNS:"open'])(
  "of the unreadable list %s nothing is taken",
  (text) => {
    expect(parseNames(text)).toEqual([]);
  },
);
