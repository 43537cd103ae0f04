import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { createAuthorise } from "./override-tokens.ts";

const sum = (token: string) => createHash("sha256").update(token).digest("hex");

function authorising(tokens: string) {
  return createAuthorise(readConfig({ RESOLVER_OVERRIDE_TOKENS: tokens }).overrideTokens);
}

describe("the bearer of a token", () => {
  const authorise = authorising(`${sum("all")}, team-b=${sum("only-b").toUpperCase()}`);

  test("without a namespace may override everywhere", () => {
    expect(authorise("Bearer all", "default")).toEqual({ allowed: true, tokenId: sum("all").slice(0, 8) });
    expect(authorise("bearer all", "team-b").allowed).toBe(true);
  });

  test("of a namespace may override there and nowhere else", () => {
    expect(authorise("Bearer only-b", "team-b").allowed).toBe(true);
    expect(authorise("Bearer only-b", "default")).toMatchObject({
      allowed: false,
      reason: expect.stringContaining("not good for namespace default"),
    });
  });

  test.each([[undefined], [""], ["all"], ["Basic all"], ["Bearer"], ["Bearer "], ["Bearer all extra"]])(
    "is nobody for the header %j",
    (header) => {
      expect(authorise(header, "default")).toMatchObject({ allowed: false, reason: expect.stringContaining("needs") });
    },
  );

  test("is refused when the token is wrong, or is the sum itself", () => {
    for (const token of ["al", "all2", sum("all")]) {
      expect(authorise(`Bearer ${token}`, "default")).toMatchObject({
        allowed: false,
        reason: expect.stringContaining("not known"),
      });
    }
  });
});

test("without tokens nobody may override", () => {
  expect(authorising("")("Bearer x", "default").allowed).toBe(false);
});

test("a token in clear, in the place of its sum, refuses to start and is not printed", () => {
  const start = () => authorising(`${sum("a")},hunter2`);
  expect(start).toThrow(/RESOLVER_OVERRIDE_TOKENS entry 2 must be a SHA-256 sum/);
  expect(start).not.toThrow(/hunter2/);
});
