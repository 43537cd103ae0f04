import fc from "fast-check";
import { expect, test } from "vitest";
import { NameSet } from "./name-set.ts";

const names = ["a", "b", "c", "d", "e"];

test("behaves as a set of its own, and leaves what it shares alone", () => {
  const step = fc.record({ add: fc.boolean(), name: fc.constantFrom(...names) });
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...names)), fc.array(step), (shared, steps) => {
      const base = new Set(shared);
      const [set, model] = [new NameSet(base), new Set(shared)];
      for (const { add, name } of steps) {
        if (add) {
          set.add(name);
          model.add(name);
        } else {
          expect(set.delete(name)).toBe(model.delete(name));
        }
        expect(set.size).toBe(model.size);
        expect([...set].sort()).toEqual([...model].sort());
        for (const each of names) expect(set.has(each)).toBe(model.has(each));
      }
      expect(base).toEqual(new Set(shared));
    }),
  );
});
