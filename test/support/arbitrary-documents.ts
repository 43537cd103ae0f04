import fc from "fast-check";
import type { SignalboxDocument } from "../../config/documents/document.ts";
import { validateDocument } from "../../config/validate.ts";
import { encodeDigests } from "../../selection/audience.ts";

/** Generators of valid documents: what is written (defaults left out at will), not what is read. */
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const version = fc.stringMatching(/^[A-Za-z0-9]([-._A-Za-z0-9]{0,10}[A-Za-z0-9])?$/);
const attribute = fc
  .stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,20}$/)
  .filter((word) => !["and", "or", "not", "__proto__"].includes(word));

/** Every string that UTF-8 can carry, the ones that YAML readers misread among them. */
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("yes", "no", "on", "Off", "y", "N", "~", "null", "true", "1e3", "0o7", "012", "1:30", "2026-11-21"),
  fc.constantFrom("<<", "=", "- a", "a: b", "#", "|", ">", "\u0085", "\u2028", "\t", "\r\n", "\ufeff", "0x1f", ".inf"),
);
/** JSON has no -0. */
const number = fc
  .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
  .map((value) => value + 0 || 0);
const scalar = fc.oneof(text, number, fc.boolean());
const fieldName = text.filter((word) => word !== "__proto__");
const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fieldName, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;
const parameters = fc.dictionary(fieldName, json, { maxKeys: 3, noNullPrototype: true });

const some = { requiredKeys: [] as [], noNullPrototype: true };

const operators = fc
  .record(
    {
      eq: scalar,
      ne: scalar,
      in: fc.array(scalar, { minLength: 1, maxLength: 4 }),
      notIn: fc.array(scalar, { minLength: 1, maxLength: 4 }),
      lt: number,
      gte: number,
      startsWith: text,
      contains: scalar,
      semver: fc.constantFrom(">=2.1.0 <3", "^1.2", "1.x || 3.x", "*"),
      matches: fc.constantFrom("^a+$", "(?i)tv", "\\p{L}", "[0-9]{2,4}"),
      exists: fc.boolean(),
    },
    some,
  )
  .filter((value) => Object.keys(value).length > 0);

/** Conditions three levels deep, `{}` among them. */
export const arbitraryCondition: fc.Arbitrary<Record<string, unknown>> = fc.letrec((tie) => ({
  condition: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.dictionary(attribute, fc.oneof(scalar, operators), { maxKeys: 3, noNullPrototype: true }),
    fc.record(
      {
        and: fc.array(tie("condition"), { minLength: 1, maxLength: 3 }),
        or: fc.array(tie("condition"), { minLength: 1, maxLength: 3 }),
        not: tie("condition"),
      },
      some,
    ),
  ),
})).condition as fc.Arbitrary<Record<string, unknown>>;

const metadata = fc.record(
  {
    name,
    namespace: name,
    labels: fc.dictionary(fieldName.filter(Boolean), text, { maxKeys: 3, noNullPrototype: true }),
  },
  { requiredKeys: ["name"], noNullPrototype: true },
);

const reference = fc.record(
  { model: name, version, parameters },
  { requiredKeys: ["model", "version"], noNullPrototype: true },
);
const weight = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.double({ min: 0.001, max: 100, noNaN: true }));
const variants = fc
  .uniqueArray(
    fc.tuple(name, weight, reference).map(([own, share, target]) => ({ name: own, weight: share, ...target })),
    { minLength: 1, maxLength: 4, selector: (variant) => variant.name },
  )
  .filter((all) => all.some((variant) => variant.weight > 0));
const split = fc.record(
  { salt: text.filter(Boolean), variants },
  { requiredKeys: ["variants"], noNullPrototype: true },
);
const rule = fc
  .tuple(
    name,
    fc.option(arbitraryCondition, { nil: undefined }),
    fc.oneof(fc.record({ split }), fc.record({ serve: reference })),
  )
  .map(([own, when, choice]) => ({ name: own, ...(when ? { when } : {}), ...choice }));

const objective = fc.record({
  kind: fc.constant("Objective"),
  metadata,
  spec: fc.record(
    {
      default: reference,
      unit: attribute,
      rules: fc.uniqueArray(rule, { maxLength: 3, selector: (each) => each.name }),
      policy: fc.record(
        { timeoutMs: fc.nat(60_000), retries: fc.nat(10), onUnknownKey: fc.constantFrom("default", "reject") },
        some,
      ),
    },
    { requiredKeys: ["default"], noNullPrototype: true },
  ),
});

const model = fc.record({
  kind: fc.constant("Model"),
  metadata,
  spec: fc.record({
    versions: fc.uniqueArray(
      fc.record({
        version,
        placement: fc.uniqueArray(fc.record({ shard: name, weight: fc.integer({ min: 1, max: 100 }) }), {
          minLength: 1,
          maxLength: 3,
          selector: (placement) => placement.shard,
        }),
        parameters,
      }),
      { minLength: 1, maxLength: 3, selector: (each) => each.version },
    ),
  }),
});

const shard = fc.record({
  kind: fc.constant("Shard"),
  metadata,
  spec: fc.record({
    protocol: fc.constantFrom("http1", "http2", "grpc"),
    endpoints: fc.uniqueArray(
      fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) }),
      {
        minLength: 1,
        maxLength: 3,
        selector: ({ address, port }) => `${address} ${port}`,
      },
    ),
  }),
});

const unitId = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const audience = fc.record({
  kind: fc.constant("Audience"),
  metadata,
  spec: fc.oneof(
    fc.record({ members: fc.uniqueArray(unitId, { minLength: 1, maxLength: 4 }) }),
    fc.record({ digests: fc.uniqueArray(fc.nat(2 ** 40), { minLength: 1, maxLength: 4 }).map(encodeDigests) }),
    fc.record({ parts: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }) }),
  ),
});

const holdout = fc.record({
  kind: fc.constant("Holdout"),
  metadata,
  spec: fc.record(
    {
      unit: attribute,
      percent: fc.double({ min: 0, max: 100, noNaN: true }).map(Math.abs),
      iteration: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: ["percent"], noNullPrototype: true },
  ),
});

const slices = fc
  .uniqueArray(fc.integer({ min: 0, max: 19 }), { minLength: 1, maxLength: 3 })
  .map((fifths) => fifths.map((fifth) => ({ from: fifth * 5, to: fifth * 5 + 5 })));
const experiment = fc
  .tuple(
    fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
    fc.uniqueArray(fc.tuple(name, fc.array(reference, { minLength: 3, maxLength: 3 })), {
      minLength: 1,
      maxLength: 3,
      selector: ([objectiveName]) => objectiveName,
    }),
    fc.record(
      {
        unit: attribute,
        iteration: fc.integer({ min: 1, max: 9 }),
        salt: text.filter(Boolean),
        when: arbitraryCondition,
        start: fc.constant("2026-11-21T09:00:00Z"),
        end: fc.constant("2026-12-24T18:00:00+01:00"),
        layer: fc.record({ name, slices }),
        allocation: fc.constantFrom({ by: "hash" }, { by: "cells" }, { by: "cells", attribute: "labs", key: "x=y" }),
      },
      some,
    ),
  )
  .map(([arms, targets, rest]) => ({
    kind: "Experiment",
    metadata: { name: arms[0] as string },
    spec: {
      ...rest,
      arms: arms.map((each, index) => ({ name: each, weight: index + 1 })),
      targets: targets.map(([objectiveName, references]) => ({
        objective: objectiveName,
        arms: Object.fromEntries(arms.map((each, index) => [each, references[index]])),
      })),
    },
  }));

/** A document as someone may write it, together with what it validates to. Rules that shadow each other are left out. */
export const arbitraryDocument: fc.Arbitrary<{ written: unknown; document: SignalboxDocument }> = fc
  .oneof(objective, model, shard, audience, holdout, experiment)
  .map((value) => ({ apiVersion: "signalbox.dev/v1", ...value }))
  .filter((written) => !neverMatches(written))
  .map((written) => {
    const validation = validateDocument(written);
    if (validation.ok) return { written, document: validation.document };
    throw new Error(`generated an invalid document: ${JSON.stringify(validation.problems)} ${JSON.stringify(written)}`);
  });

function neverMatches(written: unknown): boolean {
  const validation = validateDocument(written);
  return !validation.ok && validation.problems.every(({ message }) => message.includes("can never match"));
}

/** A document with any value put at any place, as JSON carries it. */
export function damaged(documents: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> {
  return fc.tuple(documents, fc.array(fc.nat(10), { maxLength: 8 }), fc.jsonValue()).map(([whole, steps, value]) => {
    const document = structuredClone(whole) as Record<string, unknown>;
    let inner: Record<string, unknown> = document;
    for (const [depth, step] of steps.entries()) {
      const keys = Object.keys(inner);
      const key = keys[step % Math.max(1, keys.length)] ?? "extra";
      const next = inner[key];
      if (depth < steps.length - 1 && typeof next === "object" && next !== null)
        inner = next as Record<string, unknown>;
      else inner[key] = structuredClone(value);
    }
    return JSON.parse(JSON.stringify(document));
  });
}
