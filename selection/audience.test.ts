import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AudienceInput, audienceSchema } from "../config/documents/audience.ts";
import { compileAudience, digestOf, encodeDigests } from "./audience.ts";
import { compileObjective } from "./compile.ts";
import { select } from "./select.ts";
import { model, objective } from "./testing/documents.ts";

function audience(name: string, spec: AudienceInput["spec"]) {
  return audienceSchema.parse({ apiVersion: "signalbox.dev/v1", kind: "Audience", metadata: { name }, spec });
}

describe("an audience", () => {
  test("holds exactly its members, written out, as digests, or in its parts", () => {
    const text = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });
    const texts = fc.uniqueArray(text, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(texts, texts, fc.nat(40), (members, strangers, cut) => {
        const written = compileAudience(audience("a", { members }), []);
        const digests = compileAudience(audience("a", { digests: encodeDigests(members.map(digestOf)) }), []);
        const [first, second] = [members.slice(0, cut), members.slice(cut)];
        const parts = [first, second].filter((part) => part.length > 0).map((part) => audience("p", { members: part }));
        const parted = compileAudience(audience("a", { parts: parts.map((_, index) => `p${index}`) }), parts);
        for (const each of [written, digests, parted]) {
          expect(each.size).toBe(members.length);
          for (const member of members) expect(each.has(member)).toBe(true);
          for (const stranger of strangers) expect(each.has(stranger)).toBe(members.includes(stranger));
        }
      }),
    );
  });

  test("of a million knows all its members and no stranger", () => {
    const ids = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);
    const parts = [0, 1, 2, 3].map((part) => {
      const own = ids(1_000_000).filter((_, index) => index % 4 === part);
      // A part of a quarter of a million is larger than a stored document, which the test of the command line minds.
      return audience(`p${part}`, { digests: encodeDigests(own.map(digestOf)) });
    });
    const million = compileAudience(audience("all", { parts: ["p0", "p1", "p2", "p3"] }), parts);
    expect(million.size).toBe(1_000_000);
    for (let index = 0; index < 1_000_000; index += 997) expect(million.has(`user-${index}`)).toBe(true);
    for (let index = 0; index < 100_000; index += 1) expect(million.has(`stranger-${index}`)).toBe(false);
  });

  test("is built once for all that ask for it, and anew when a part changes", () => {
    const whole = audience("a", { parts: ["p"] });
    const [before, after] = ["x", "y"].map((member) => audience("p", { members: [member] }));
    if (!before || !after) throw new Error("two were made");
    expect(compileAudience(whole, [before])).toBe(compileAudience(whole, [before]));
    expect(compileAudience(whole, [after]).has("y")).toBe(true);
    expect(compileAudience(whole, [after]).has("x")).toBe(false);
  });
});

describe("a rule that asks for an audience", () => {
  const audiences = [audience("staff", { members: ["u1", "42"] })];
  const rules = [
    { name: "staff", when: { userId: { inAudience: "staff" } }, serve: { model: "ranker", version: "2" } },
  ];
  const models = [model("ranker", "1", "2")];
  const subject = compileObjective({ objective: objective({ rules }), models, revision: 1, audiences });
  const version = (userId: unknown) => select(subject, { userId: userId as string }).version;

  test("matches its members, the number 42 and the text being one unit", () => {
    expect(["u1", "42", 42].map(version)).toEqual(["2", "2", "2"]);
  });

  test("does not match others, nor what is no unit", () => {
    const others = ["u2", "", "U1", 43, true, null, undefined, ["u1"], Number.NaN, {}];
    expect(others.map(version)).toEqual(others.map(() => "1"));
  });

  test("cannot be compiled without it", () => {
    const without = () => compileObjective({ objective: objective({ rules }), models, revision: 1 });
    expect(without).toThrow("Objective default/test asks for audience staff, which is not among those given");
  });
});

describe("the schema refuses digests", () => {
  test.each([
    ["that are not whole", Buffer.alloc(7).toString("base64"), "must hold whole digests of 6 bytes, found 7 bytes"],
    ["that are not ascending", encodeDigestsAsGiven([2, 1]), "entry 1 is not"],
    ["that come twice", encodeDigestsAsGiven([1, 1]), "entry 1 is not"],
  ])("%s", (_what, digests, message) => {
    const parsed = audienceSchema.safeParse({
      apiVersion: "signalbox.dev/v1",
      kind: "Audience",
      metadata: { name: "a" },
      spec: { digests },
    });
    expect(parsed.error?.issues[0]?.message).toContain(message);
  });
});

function encodeDigestsAsGiven(digests: readonly number[]): string {
  const bytes = Buffer.alloc(6 * digests.length);
  for (const [index, digest] of digests.entries()) bytes.writeUIntBE(digest, 6 * index, 6);
  return bytes.toString("base64");
}
