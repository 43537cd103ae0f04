import { murmur3 } from "./murmur3.ts";
import { type Arm, bucketOf, createSplit, pickArm } from "./rendezvous.ts";
import { unitOf } from "./unit.ts";

/** What every vector file says of itself. */
const about = "Golden vectors of docs/bucketing.md. Frozen: an implementation that disagrees is wrong.";

export type HashVectors = {
  readonly about: string;
  readonly cases: readonly { readonly text: string; readonly seed: number; readonly hash: number }[];
};

export type LoneSurrogateVectors = {
  readonly about: string;
  readonly cases: readonly { readonly codeUnits: readonly number[]; readonly seed: number; readonly hash: number }[];
};

export type SplitVectors = {
  readonly about: string;
  /** `unit` is the attribute in the context, `text` what is hashed. */
  readonly units: readonly { readonly unit: string | number; readonly text: string }[];
  readonly splits: readonly {
    readonly salt: string;
    readonly arms: readonly Arm[];
    /** By unit, in the order of `units`: the hash of `salt:text`, and the name of the arm picked. */
    readonly buckets: readonly number[];
    readonly picked: readonly string[];
  }[];
};

const awkwardTexts = [
  "",
  "a",
  "ab",
  "abc",
  "abcd",
  "abcde",
  " ",
  "\u0000",
  "a\u0000b",
  "\t\r\n",
  ":",
  "a:b",
  "salt:unit",
  '"quoted"',
  "back\\slash",
  "naïve-ü",
  "Straße",
  "e\u0301",
  "\u00e9",
  "ﬀ",
  "Ω≈ç√∫",
  "Привет",
  "שלום",
  "مرحبا",
  "नमस्ते",
  "こんにちは",
  "한국어",
  "漢字",
  "\u0080",
  "\u07ff",
  "\u0800",
  "\ud7ff",
  "\ue000",
  "\ufeff",
  "\ufffd",
  "\uffff",
  "\u{10000}",
  "\u{10ffff}",
  "😀",
  "a😀",
  "ab😀",
  "abc😀",
  "👩‍👩‍👧‍👦",
  "🇫🇷",
  "🏳️‍🌈",
  "i\u0307",
  "A\u030a",
  "x".repeat(255),
  "0123456789".repeat(1000),
  "ü".repeat(3001),
  "😀".repeat(1025),
];

const seeds = [0, 1, 0x9747b28c, 0x7fffffff, 0x80000000, 0xffffffff];

/** MurmurHash3_x86_32 of the UTF-8 bytes of texts, under several seeds. */
export function buildHashVectors(): HashVectors {
  const cases = awkwardTexts.flatMap((text) => seeds.map((seed) => ({ text, seed, hash: murmur3(text, seed) })));
  return { about, cases };
}

/**
 * As {@link buildHashVectors}, of texts that only languages with UTF-16 strings can hold, given as UTF-16 code units
 * because many JSON parsers refuse lone surrogates.
 */
export function buildLoneSurrogateVectors(): LoneSurrogateVectors {
  const texts = ["\ud800", "\udc00", "a\ud83d", "\ude00b", "\ude00\ud83d", "\ud83d\ud83d\ude00", "\ud800:\udfff"];
  const cases = texts.map((text) => ({
    codeUnits: Array.from({ length: text.length }, (_, index) => text.charCodeAt(index)),
    seed: 0,
    hash: murmur3(text),
  }));
  const note =
    "Texts are UTF-16 code units; each lone surrogate is hashed as U+FFFD. Skip where strings cannot hold one.";
  return { about: `${about} ${note}`, cases };
}

/** Which arm each of a few hundred units falls into, for splits of different salts and weights. */
export function buildSplitVectors(): SplitVectors {
  const units = vectorUnits().map((unit) => ({ unit, text: unitText(unit) }));
  const splits = vectorSplits.map(({ salt, arms }) => {
    const split = createSplit(salt, arms);
    return {
      salt,
      arms,
      buckets: units.map(({ text }) => bucketOf(salt, text)),
      picked: units.map(({ text }) => arms[pickArm(split, text)]?.name ?? ""),
    };
  });
  return { about, units, splits };
}

function vectorUnits(): (string | number)[] {
  const counted = Array.from({ length: 150 }, (_, index) => `user-${index}`);
  const uuids = Array.from({ length: 60 }, (_, index) => uuidLike(index));
  const numbers = [0, 1, -1, 42, 1e3, 1.5, -0.25, 0.1, 1e-7, 123456789, 2 ** 31, 2 ** 53 - 1, 1e20, 1e21, 1.5e300];
  return [...counted, ...uuids, ...numbers, ...awkwardTexts];
}

/** The empty string too, which is a text like any other to a split; {@link unitOf} keeps it away from them. */
function unitText(unit: string | number): string {
  return unit === "" ? "" : (unitOf({ unit }, "unit") ?? "");
}

function uuidLike(index: number): string {
  const hex = [0, 1, 2, 3].map((part) => murmur3(`uuid ${index}`, part).toString(16).padStart(8, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const vectorSplits: readonly { readonly salt: string; readonly arms: readonly Arm[] }[] = [
  { salt: "default/homepage-ranking/canary", arms: weighted({ stable: 95, canary: 5 }) },
  { salt: "exp-123", arms: weighted({ control: 50, treatment: 50 }) },
  { salt: "exp-124", arms: weighted({ control: 50, treatment: 50 }) },
  { salt: "three arms: ü 😀", arms: weighted({ a: 34, b: 33, c: 33 }) },
  { salt: "fractions", arms: weighted({ tiny: 0.001, small: 0.3, rest: 2.7 }) },
  { salt: "zero", arms: weighted({ off: 0, on: 1, "also-off": 0 }) },
  { salt: "one", arms: weighted({ only: 1_000_000 }) },
  { salt: "eleven", arms: weighted(Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`arm-${n}`, n + 1]))) },
];

function weighted(weights: { readonly [name: string]: number }): Arm[] {
  return Object.entries(weights).map(([name, weight]) => ({ name, weight }));
}
