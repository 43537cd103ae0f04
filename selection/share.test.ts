import { expect, test } from "vitest";
import { murmur3 } from "./murmur3.ts";
import { createShare, createShares } from "./share.ts";

test("a unit's place does not depend on the units before it, short or long", () => {
  const share = createShare("layer:default/l");
  const units = ["a", "b", "a", "a", "b".repeat(64), "c".repeat(65), "b".repeat(64), "c".repeat(65), "", "a", ""];
  for (const unit of units) expect(share.bucketOf(unit)).toBe(murmur3(`layer:default/l:${unit}`));
});

test("slices that meet leave nobody out and nobody twice", () => {
  const share = createShare("l");
  const borders = [0, 0.1, 33.3, 33.4, 66.7, 99.9999, 100];
  for (let index = 0; index < 10_000; index += 1) {
    const inside = borders.slice(1).filter((to, at) => share.isBetween(`unit-${index}`, borders[at] as number, to));
    expect(inside).toHaveLength(1);
  }
});

test("of one salt, there is one share", () => {
  const shareOf = createShares();
  expect(shareOf("a")).toBe(shareOf("a"));
  expect(shareOf("b")).not.toBe(shareOf("a"));
});
