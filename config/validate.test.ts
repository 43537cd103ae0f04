import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryDocument, damaged } from "../test/support/arbitrary-documents.ts";
import { writtenModel, writtenObjective, writtenShard } from "../test/support/written-documents.ts";
import { canonicalJson } from "./canonical-json.ts";
import { kinds, type SignalboxDocument } from "./documents/document.ts";
import { limits } from "./limits.ts";
import { readBytes, validateBytes, validateDocument } from "./validate.ts";

const objective = (spec: Readonly<Record<string, unknown>>) => writtenObjective("home", "ranker", "7", spec);
const withRules = (...rules: readonly unknown[]) => objective({ rules });
const withCondition = (when: unknown) => withRules({ name: "r", when, serve: { model: "ranker", version: "7" } });

function problemsOf(value: unknown): string[] {
  const validation = validateDocument(value);
  return validation.ok ? [] : validation.problems.map(({ path, message }) => `${path}: ${message}`);
}

test("a valid document comes back with its defaults", () => {
  const validation = validateDocument(objective({}));
  expect(validation).toMatchObject({
    ok: true,
    document: {
      metadata: { namespace: "default", name: "home" },
      spec: {
        unit: "userId",
        rules: [],
        shadow: [],
        policy: { timeoutMs: 15_000, retries: 1, onUnknownKey: "default" },
      },
    },
  });
});

test("every problem is told at once, also beside others in the same list", () => {
  const serve = { model: "m", version: "1" };
  expect(
    problemsOf({
      apiVersion: "signalbox.dev/v2",
      kind: "Objective",
      metadata: { name: "Home", lables: {} },
      spec: {
        default: { modl: "ranker", version: 7 },
        rules: [
          { name: "a", serve, when: { x: null } },
          { name: "a", serve, split: { variants: [] } },
        ],
        policy: { retires: 1 },
      },
    }),
  ).toEqual([
    'apiVersion: must be "signalbox.dev/v1", found the string "signalbox.dev/v2"',
    'metadata.name: must be lower-case letters, digits and hyphens, not starting or ending with a hyphen, found the string "Home"',
    'metadata.lables: is not a known field; did you mean "labels"? known here: namespace, name, labels, annotations, revision',
    "spec.default.model: is missing; it must be a string",
    'spec.default.version: must be a string, found the number 7; put it in quotes: "7"',
    'spec.default.modl: is not a known field; did you mean "model"? known here: model, version, parameters',
    "spec.rules[0].when.x: must be a string, number, true or false to be equal to, or operators such as { in: [a, b] }, found null",
    "spec.rules[1].split.variants: must have at least 1 entry, found 0",
    "spec.rules[1]: must have exactly one of split and serve",
    'spec.rules[1].name: "a" is in the list already, as entry 0; each may come once',
    'spec.policy.retires: is not a known field; did you mean "retries"? known here: timeoutMs, idleTimeoutMs, retries, onUnknownKey, loading, ttlMs, engine, onResolverFailure, resolverTimeoutMs',
  ]);
});

describe("what a document is called", () => {
  test("a kind that does not exist is refused with the nearest one", () => {
    expect(problemsOf({ ...objective({}), kind: "Objektive" })).toEqual([
      'kind: must be one of Shard, Model, Audience, Objective, Holdout, Experiment, Pin, found the string "Objektive"; did you mean Objective?',
    ]);
    expect(problemsOf({ ...objective({}), kind: "Deployment" })).toEqual([
      'kind: must be one of Shard, Model, Audience, Objective, Holdout, Experiment, Pin, found the string "Deployment"',
    ]);
    expect(problemsOf({})).toEqual([
      "kind: is missing; it must be one of Shard, Model, Audience, Objective, Holdout, Experiment, Pin",
    ]);
  });

  test("a name has at most 63 characters", () => {
    expect(problemsOf(writtenObjective("a".repeat(63), "m", "1"))).toEqual([]);
    expect(problemsOf(writtenObjective("a".repeat(64), "m", "1"))).toEqual([
      "metadata.name: must have at most 63 characters (limit nameCharacters), found 64",
    ]);
  });

  test.each([null, undefined, 7, "text", [1]])("%j is no document", (value) => {
    expect(problemsOf(value)).toEqual([expect.stringContaining("an object with apiVersion, kind, metadata and spec")]);
  });

  test("the messages name the document, or its place when it has no name", () => {
    expect(validateDocument({ ...objective({}), spec: 1 })).toMatchObject({
      problems: [{ document: "Objective default/home" }],
    });
    expect(validateDocument({ kind: "Objective" }, { file: "a.yaml", label: "document 3" })).toMatchObject({
      problems: expect.arrayContaining([expect.objectContaining({ document: "document 3", file: "a.yaml" })]),
    });
  });
});

describe("limits", () => {
  test("256 rules are allowed and 257 are not", () => {
    const rules = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `r${i}`, when: { n: i }, serve: { model: "m", version: "1" } }));
    expect(problemsOf(withRules(...rules(256)))).toEqual([]);
    expect(problemsOf(withRules(...rules(257)))).toEqual([
      "spec.rules: must have at most 256 entries (limit rulesPerObjective), found 257",
    ]);
  });

  test("64 variants are allowed and 65 are not", () => {
    const split = (count: number) => ({
      variants: Array.from({ length: count }, (_, i) => ({ name: `v${i}`, weight: 1, model: "m", version: "1" })),
    });
    expect(problemsOf(withRules({ name: "r", split: split(64) }))).toEqual([]);
    expect(problemsOf(withRules({ name: "r", split: split(65) }))).toEqual([
      "spec.rules[0].split.variants: must have at most 64 entries (limit variantsPerSplit), found 65",
    ]);
  });

  test("a document of 2 MiB is refused with both sizes", () => {
    const parameters = { blob: "x".repeat(2 * 1024 * 1024) };
    const document = objective({ default: { model: "m", version: "1", parameters } });
    expect(problemsOf(document)).toEqual([expect.stringMatching(/^: is 2097\d{3} bytes as JSON; at most 1048576 /)]);
  });

  test("a condition nests 16 deep and not 17", () => {
    const nested = (depth: number): unknown => (depth === 0 ? { a: 1 } : { not: nested(depth - 1) });
    expect(problemsOf(withCondition(nested(16)))).toEqual([]);
    expect(problemsOf(withCondition(nested(17)))).toEqual([
      "spec.rules[0].when: nests and, or, not 17 deep; at most 16 (limit conditionDepth)",
    ]);
  });

  test("a condition has at most 1024 attributes and operators", () => {
    const wide = (count: number) => ({ or: Array.from({ length: count / 2 }, (_, i) => ({ a: { eq: i } })) });
    expect(problemsOf(withCondition(wide(1024)))).toEqual([]);
    expect(problemsOf(withCondition(wide(1026)))).toEqual([
      "spec.rules[0].when: has 1026 attributes and operators; at most 1024 (limit conditionTerms)",
    ]);
  });

  test("lists inside lists end at 64 levels, however deep they go", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(problemsOf(objective({ default: { model: "m", version: "1", parameters: { deep } } }))).toEqual([
      expect.stringContaining("more than 64 levels (limit nestingDepth)"),
    ]);
  });

  test("of very many problems a hundred are told and the rest counted", () => {
    const rules = Array.from({ length: 150 }, () => 7);
    const problems = problemsOf(withRules(...rules));
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toBe(": and 50 more problems");
  });
});

describe("conditions", () => {
  test.each([
    ["a look-ahead", { matches: "a(?=b)" }, "matches: is not a regular expression in RE2 syntax"],
    ["a back-reference", { matches: "(.)\\1" }, "matches: is not a regular expression in RE2 syntax"],
    ["a repeat that explodes", { matches: "((a{100}){100}){100}" }, "matches: is not a regular expression"],
    ["a range that is none", { semver: "seven" }, 'semver: is not a version range such as ">=2.1.0 <3"'],
    ["no operator", {}, " must have at least one operator"],
    [
      "an operator that does not exist",
      { startWith: "a" },
      'startWith: is not a known field; did you mean "startsWith"?',
    ],
    ["an empty list", { in: [] }, "in: must have at least 1 entry, found 0"],
    ["a comparison with a string", { gt: "3" }, 'gt: must be a number, found the string "3"'],
    ["a list", [1], " must be a string, number, true or false to be equal to, or operators"],
  ])("%s is refused", (_what, test, message) => {
    const [first, ...rest] = problemsOf(withCondition({ device: test }));
    expect(first).toContain(message);
    expect(rest).toEqual([]);
  });

  test("an attribute name that a header cannot carry is refused, at any depth", () => {
    expect(problemsOf(withCondition({ or: [{ "my attribute": 1 }] }))).toEqual([
      expect.stringContaining('spec.rules[0].when.or[0]["my attribute"]: is not an attribute name'),
    ]);
  });
});

describe("rules, splits and shadows", () => {
  const serve = { model: "ranker", version: "7" };

  test("a split whose weights are all 0 is refused", () => {
    const variants = [{ name: "a", weight: 0, ...serve }];
    expect(problemsOf(withRules({ name: "r", split: { variants } }))).toEqual([
      "spec.rules[0].split.variants: all weights are 0, so none can be chosen; give at least one a weight above 0",
    ]);
  });

  test("two variants of one name are refused", () => {
    const variants = ["a", "b", "a"].map((name) => ({ name, weight: 1, ...serve }));
    expect(problemsOf(withRules({ name: "r", split: { variants } }))).toEqual([
      'spec.rules[0].split.variants[2].name: "a" is in the list already, as entry 0; each may come once',
    ]);
  });

  test("a rule that can never match, and a shadow of the default, are told beside anything else that is wrong", () => {
    const problems = problemsOf(
      objective({
        unit: 7,
        rules: [
          7,
          null,
          [],
          { name: "all", serve },
          { name: "odd", when: { x: null } },
          { name: "tv", when: { device: "tv" } },
        ],
        shadow: [{ ...serve, percent: 200 }, 3],
      }),
    );
    expect(problems.filter((problem) => problem.includes("never match"))).toEqual([
      'spec.rules[5]: can never match, because rule "all" (entry 3) matches first whenever it would; reorder or remove it',
    ]);
    expect(problems).toContain("spec.shadow[0]: ranker@7 is the default itself; shadow another version");
    expect(problems).toHaveLength(11);
  });

  test("a rule that can never match is refused and the earlier rule named", () => {
    const problems = problemsOf(withRules({ name: "all", serve }, { name: "tv", when: { device: "tv" }, serve }));
    expect(problems).toEqual([
      'spec.rules[1]: can never match, because rule "all" (entry 0) matches first whenever it would; reorder or remove it',
    ]);
  });

  test("a shadow of the default itself is refused", () => {
    const shadow = [
      { ...serve, percent: 10 },
      { ...serve, version: "8", percent: 10 },
    ];
    expect(problemsOf(objective({ shadow }))).toEqual([
      "spec.shadow[0]: ranker@7 is the default itself; shadow another version",
    ]);
  });
});

describe("models and shards", () => {
  test("a version placed twice on a shard, or with weights of 0 only, is refused", () => {
    const placement = [
      { shard: "a", weight: 0 },
      { shard: "a", weight: 0 },
    ];
    expect(problemsOf({ ...writtenModel("m", [], "a"), spec: { versions: [{ version: "1", placement }] } })).toEqual([
      'spec.versions[0].placement[1].shard: "a" is in the list already, as entry 0; each may come once',
      expect.stringMatching(/^spec.versions\[0\].placement: all weights are 0/),
    ]);
  });

  test("a version that comes twice is refused", () => {
    expect(problemsOf(writtenModel("m", ["1", "2", "1"], "a"))).toEqual([
      'spec.versions[2].version: "1" is in the list already, as entry 0; each may come once',
    ]);
  });

  test("a shard has endpoints or dns, not both and not neither", () => {
    const message = "spec: must have exactly one of endpoints and dns";
    expect(problemsOf(writtenShard("s", { endpoints: undefined }))).toEqual([message]);
    expect(problemsOf(writtenShard("s", { dns: { hostname: "models.internal", port: 80 } }))).toEqual([message]);
  });

  test.each(["10.0.0.1", "::1", "fd00::10.0.0.1", "2001:db8::8a2e:370:7334"])("%s is an address", (address) => {
    expect(problemsOf(writtenShard("s", { endpoints: [{ address, port: 1 }] }))).toEqual([]);
  });

  test.each(["10.0.0", "010.0.0.1", "10.0.0.1/8", "fe80::1%eth0", "[::1]", ""])("%j is no address", (address) => {
    expect(problemsOf(writtenShard("s", { endpoints: [{ address, port: 1 }] }))).toHaveLength(1);
  });

  test("a host name as an endpoint's address is sent to dns", () => {
    expect(problemsOf(writtenShard("s", { endpoints: [{ address: "localhost", port: 1 }] }))).toEqual([
      'spec.endpoints[0].address: must be an IPv4 or IPv6 address (host names belong in spec.dns), found the string "localhost"',
    ]);
  });

  test("TLS needs to know whom to trust: a name, or an authority of one's own", () => {
    const message =
      "spec.tls: needs serverName, caFile or caSecret; with none of them, any certificate of a public authority would do";
    expect(problemsOf(writtenShard("s", { tls: {} }))).toEqual([message]);
    expect(problemsOf(writtenShard("s", { tls: { serverName: "models.example.com" } }))).toEqual([]);
    expect(problemsOf(writtenShard("s", { tls: { caFile: "/ca.pem" } }))).toEqual([]);
    expect(problemsOf(writtenShard("s", { tls: { caSecret: "models", clientSecret: "models" } }))).toEqual([]);
    expect(problemsOf(writtenShard("s", { tls: { caSecret: "models", caFile: "/ca.pem" } }))).toEqual([
      "spec.tls.caSecret: must not be there together with caFile; keep the one that is meant",
    ]);
    const dns = { hostname: "models.example.com", port: 443 };
    expect(problemsOf(writtenShard("s", { tls: {}, dns, endpoints: undefined }))).toEqual([]);
    expect(problemsOf(writtenShard("s", { tls: "yes" }))).toEqual([
      'spec.tls: must be an object, found the string "yes"',
    ]);
    expect(problemsOf(writtenShard("s", { tls: null }))).toEqual(["spec.tls: must be an object, found null"]);
  });

  test("an endpoint that comes twice is refused", () => {
    const endpoint = { address: "10.0.0.1", port: 80 };
    expect(problemsOf(writtenShard("s", { endpoints: [endpoint, endpoint] }))).toEqual([
      expect.stringContaining('spec.endpoints[1].address: "10.0.0.1 port 80" is in the list already'),
    ]);
  });
});

test("parts of a quite wrong shape are told once, and break nothing", () => {
  const spec = { default: 1, rules: {}, shadow: [null, "a", "b", 7], policy: [] };
  expect(problemsOf(objective(spec))).toEqual([
    "spec.default: must be an object, found the number 1",
    "spec.rules: must be a list, found an object",
    "spec.shadow[0]: must be an object, found null",
    'spec.shadow[1]: must be an object, found the string "a"',
    'spec.shadow[2]: must be an object, found the string "b"',
    "spec.shadow[3]: must be an object, found the number 7",
    "spec.policy: must be an object, found an empty list",
  ]);
  expect(problemsOf(writtenShard("s", { endpoints: ["a", "b"] }))).toEqual([
    'spec.endpoints[0]: must be an object, found the string "a"',
    'spec.endpoints[1]: must be an object, found the string "b"',
  ]);
  expect(problemsOf({ ...writtenShard("s"), spec: [] })).toEqual(["spec: must be an object, found an empty list"]);
});

describe("keys that could change an object's prototype", () => {
  test.each(["metadata", "spec"])("__proto__ in %s is refused and changes nothing", (field) => {
    const text = JSON.stringify({ ...objective({}), [field]: { ...objective({})[field as "spec"], marker: 1 } });
    const value = JSON.parse(text.replace('"marker":1', '"__proto__":{"polluted":true}'));
    expect(problemsOf(value)).toEqual([`${field}.__proto__: no field may have this name; rename it`]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("constructor and prototype are ordinary names in parameters", () => {
    const parameters = { constructor: { prototype: { polluted: true } } };
    expect(problemsOf(objective({ default: { model: "m", version: "1", parameters } }))).toEqual([]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("bytes from the store", () => {
  const id = { kind: "Objective", namespace: "default", name: "home" } as const;
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const problemOf = (bytes: Uint8Array) => {
    const validation = validateBytes(bytes, id);
    return validation.ok ? null : validation.problems;
  };

  test("a good document is read", () => {
    expect(problemOf(utf8(JSON.stringify(objective({}))))).toBeNull();
  });

  test.each([
    ["nothing", new Uint8Array(), "is not JSON"],
    ["half a document", utf8('{"kind":"Obj'), "is not JSON"],
    ["YAML", utf8("kind: Objective"), "`signalbox apply` stores YAML as JSON"],
    ["bytes that are no UTF-8", new Uint8Array([0xff, 0xfe, 0x00, 0xd8]), "is not UTF-8 text"],
    ["UTF-8 of half a surrogate pair", new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), "is not UTF-8 text"],
    ["a number", utf8("7"), "must be an object with apiVersion"],
    ["2 MiB", new Uint8Array(2 * 1024 * 1024).fill(0x20), "is 2097152 bytes as stored; at most 1048576"],
    ["half a million brackets", utf8("[".repeat(500_000)), "is not JSON"],
    ["a deep list", utf8("[".repeat(500_000) + "]".repeat(500_000)), "must be an object with apiVersion"],
  ])("%s becomes a problem of the document that the key names", (_what, bytes, message) => {
    expect(problemOf(bytes)).toEqual([
      { document: "Objective default/home", path: "", message: expect.stringContaining(message) },
    ]);
  });

  test("a document under another one's key is refused with both names", () => {
    const other = { ...objective({}), metadata: { name: "other" } };
    expect(problemOf(utf8(JSON.stringify(other)))).toEqual([
      {
        document: "Objective default/home",
        path: "metadata",
        message:
          "stored under the key objective.default.home, but the document is called objective.default.other; store it under its own key",
      },
    ]);
  });
});

describe("bytes of the store that are read", () => {
  const utf8 = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const home = { kind: "Objective", namespace: "default", name: "home" } as const;
  const parameters = (value: unknown) => {
    const validation = validateDocument(objective({}));
    if (!validation.ok || validation.document.kind !== "Objective") throw new Error("the test's objective is bad");
    const { spec } = validation.document;
    return { ...validation.document, spec: { ...spec, default: { ...spec.default, parameters: value } } };
  };

  test("say the same as when they are validated, whatever they are", () => {
    const stored = arbitraryDocument.map(({ document }) => document);
    const anything = fc.oneof(stored, damaged(stored), damaged(arbitraryDocument.map(({ written }) => written)));
    fc.assert(
      fc.property(anything, (value) => {
        const { kind = "Objective", metadata } = value as SignalboxDocument;
        const id = { kind, namespace: metadata?.namespace ?? "default", name: metadata?.name ?? "home" };
        fc.pre(kinds.includes(kind) && typeof id.name === "string" && typeof id.namespace === "string");
        expect(readBytes(utf8(value), id)).toEqual(validateBytes(utf8(value), id));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ["a document under another one's key", utf8(parameters({})), { ...home, name: "other" }],
    ["a document of another kind than the key says", utf8(parameters({})), { ...home, kind: "Model" } as const],
    [
      "a field that no document may have",
      new TextEncoder().encode(JSON.stringify(parameters({ a: 1 })).replace('"a"', '"__proto__"')),
      home,
    ],
    [
      "more levels than a document may have",
      utf8(parameters(Array.from({ length: 80 }).reduce((inner) => ({ inner }), {}))),
      home,
    ],
    [
      "a number that no double holds",
      new TextEncoder().encode(JSON.stringify(parameters({ a: 7 })).replace('"a":7', '"a":1e999')),
      home,
    ],
    [
      "numbers that are longer when they are written out",
      new TextEncoder().encode(
        JSON.stringify(parameters({ a: 7 })).replace('"a":7', `"a":[${Array(60_000).fill("1e20").join(",")}]`),
      ),
      home,
    ],
  ])("%s is refused with the same words", (_what, bytes, id) => {
    const read = readBytes(bytes, id);
    expect(read.ok).toBe(false);
    expect(read).toEqual(validateBytes(bytes, id));
  });

  test("a document whose defaults are all there is what was parsed, its fields in their order", () => {
    const document = parameters({ z: 1, a: [null, true] });
    const sorted = JSON.parse(canonicalJson(document));
    const read = readBytes(utf8(sorted), home);
    expect(read).toEqual({ ok: true, document });
    expect(read.ok && JSON.stringify(read.document)).toBe(JSON.stringify(sorted));
  });
});

test("the limits that messages name are those of the limits file", () => {
  expect(limits).toMatchObject({
    documentBytes: 1_048_576,
    nameCharacters: 63,
    rulesPerObjective: 256,
    variantsPerSplit: 64,
  });
});
