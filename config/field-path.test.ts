import fc from "fast-check";
import { expect, test } from "vitest";
import { formatPath, parsePath } from "./field-path.ts";

test("a path reads like code", () => {
  expect(formatPath(["spec", "rules", 2, "when", "a.b"])).toBe('spec.rules[2].when["a.b"]');
  expect(formatPath([])).toBe("");
});

test("any path comes back from its text", () => {
  const step = fc.oneof(
    fc.nat(10_000),
    fc.string({ unit: "binary" }),
    fc.constantFrom("spec", "rules", "a-b", "__proto__"),
  );
  fc.assert(
    fc.property(fc.array(step), (path) => {
      expect(parsePath(formatPath(path))).toEqual(path);
    }),
  );
});
