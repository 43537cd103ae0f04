import fc from "fast-check";
import { expect, test } from "vitest";
import { readPlainFields } from "./plain-fields.ts";
import { parseRequest } from "./request.ts";

const name = fc.constantFrom("ranking", "a-b", "default");
const context = fc.dictionary(
  fc.oneof(fc.constantFrom("userId", "__proto__", "x.y", "1st", ""), fc.string()),
  fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.array(fc.jsonValue()), fc.jsonValue()),
);
const usualContext = fc.dictionary(fc.constantFrom("userId", "country", "x.y"), fc.oneof(fc.string(), fc.integer()));
const usualFields = { namespace: name, objective: name, context: usualContext, client: fc.constant("web") };
const unusualFields = fc.record(
  {
    namespace: name,
    objective: name,
    context,
    client: fc.oneof(fc.constantFrom("web", "a b", ""), fc.string()),
    trafficClass: fc.constantFrom("real", "test", "other", 1, null),
    override: fc.constant({ version: "7" }),
    objectives: fc.constant(["ranking"]),
    more: fc.jsonValue(),
  },
  { requiredKeys: [], noNullPrototype: true },
);

const fields = fc.oneof(fc.record(usualFields, { requiredKeys: ["objective"] }), unusualFields);

test("plain fields are what the schema makes of them, and nothing that it refuses is plain", () => {
  let plain = 0;
  fc.assert(
    fc.property(fields, (given) => {
      const read = readPlainFields(given);
      if (read === null) return;
      plain += 1;
      expect(read).toEqual(parseRequest(given));
    }),
    { numRuns: 1000 },
  );
  expect(plain).toBeGreaterThan(20);
});

test("a usual request is plain", () => {
  const usual = { namespace: "default", objective: "ranking", context: { userId: "u", n: 1 }, client: "web" };
  expect(readPlainFields(usual)).toEqual(parseRequest(usual));
  expect(readPlainFields({ objective: "ranking" })).toEqual(parseRequest({ objective: "ranking" }));
});

test.each([
  [null],
  [[]],
  ["text"],
  [{}],
  [{ objective: 1 }],
  [{ objectives: ["a"] }],
  [{ objective: "a", override: {} }],
])("%j is not plain", (given) => {
  expect(readPlainFields(given)).toBeNull();
});
