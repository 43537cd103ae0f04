import fc from "fast-check";
import murmurhash from "murmurhash";
import { describe, expect, test } from "vitest";
import { buildHashVectors, buildLoneSurrogateVectors } from "./build-vectors.ts";
import { murmur3, murmur3BySeed, murmur3Continue, murmur3Finish, murmur3Start } from "./murmur3.ts";
import vectors from "./vectors/murmur3.json" with { type: "json" };
import loneSurrogates from "./vectors/murmur3-lone-surrogates.json" with { type: "json" };

describe("the published values of MurmurHash3_x86_32 hold", () => {
  // The usual cross-implementation list; the last five are what flagd's test bed uses as the ends of the range.
  test.each([
    ["", 0, 0],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["\0\0\0\0", 0, 0x2362f9de],
    ["aaaa", 0x9747b28c, 0x5a97808a],
    ["aaa", 0x9747b28c, 0x283e0130],
    ["aa", 0x9747b28c, 0x5d211726],
    ["a", 0x9747b28c, 0x7fa09ea6],
    ["abcd", 0x9747b28c, 0xf0478627],
    ["abc", 0x9747b28c, 0xc84a62dd],
    ["ab", 0x9747b28c, 0x74875592],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["ππππππππ", 0x9747b28c, 0xd58063c1],
    ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
    ["ejOoVL", 0, 0],
    ["bY9fO-", 0, 1],
    ["SI7p-", 0, 0x7fffffff],
    ["6LvT0", 0, 0x80000000],
    ["ceQdGm", 0, 0xffffffff],
  ])("murmur3(%j, %i)", (text, seed, hash) => {
    expect(murmur3(text, seed)).toBe(hash);
  });
});

const anyText = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 20 }),
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
);
const anySeed = fc.nat(0xffffffff);

test("any text under any seed hashes as another implementation does, lone surrogates included", () => {
  fc.assert(
    fc.property(anyText, anySeed, (text, seed) => murmur3(text, seed) === murmurhash.v3(text, seed)),
    { numRuns: 2000 },
  );
});

test("a text hashed in two pieces has the hash of the whole", () => {
  fc.assert(
    fc.property(anyText, anyText, anySeed, (prefix, rest, seed) => {
      const whole = `${prefix}:${rest}`;
      expect(murmur3Finish(murmur3Continue(murmur3Start(seed), `${prefix}:`), rest)).toBe(murmur3(whole, seed));
    }),
  );
});

test("a text prepared for many seeds hashes as ever", () => {
  fc.assert(fc.property(anyText, anySeed, (text, seed) => murmur3BySeed(text)(seed) === murmur3(text, seed)));
});

test("a text of 50 million bytes does not exhaust anything", () => {
  const text = "0123456789".repeat(5_000_000);
  expect(murmur3(text)).toBe(murmurhash.v3(text, 0));
});

test("the golden vectors of the hash hold, and generating them again changes nothing", () => {
  expect(buildHashVectors()).toEqual(vectors);
  expect(buildLoneSurrogateVectors()).toEqual(loneSurrogates);
});
