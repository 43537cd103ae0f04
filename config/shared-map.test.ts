import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { changedKeys, type MapChange, SharedMap, sharedMap } from "./shared-map.ts";

/** Few keys, so that changes meet; some of them share a leaf. */
const key = fc.nat(2000).map((n) => `default/o-${n}`);
const change: fc.Arbitrary<MapChange<number>> = fc.tuple(key, fc.option(fc.nat(3), { nil: undefined }));
const batches = fc.array(fc.array(change, { maxLength: 200 }), { maxLength: 10 });

test("a map after some changes is what a map would be that was changed in place", () => {
  fc.assert(
    fc.property(batches, (all) => {
      let map = new SharedMap<number>();
      const plain = new Map<string, number>();
      for (const changes of all) {
        const before = map;
        const copy = new Map(plain);
        map = map.with(changes);
        for (const [each, value] of changes) {
          if (value === undefined) plain.delete(each);
          else plain.set(each, value);
        }
        expect(new Map(before)).toEqual(copy);
        expect(new Map(map)).toEqual(plain);
        expect(map.size).toBe(plain.size);
        expect([...map.keys()].every((each) => map.has(each) && map.get(each) === plain.get(each))).toBe(true);
        expect([...changedKeys(before, map)].sort()).toEqual([...changedKeys(copy, plain)].sort());
        expect([...changedKeys(before, plain)].sort()).toEqual([...changedKeys(copy, map)].sort());
      }
    }),
  );
});

test("changes that change nothing give the same map", () => {
  const map = sharedMap(new Map([["a", 1]]));
  expect(map.with([["a", 1]])).toBe(map);
  expect(map.with([["b", undefined]])).toBe(map);
  expect(sharedMap(map)).toBe(map);
});

test("a change shares with the map before it all but the way to what changed", () => {
  const names = Array.from({ length: 10_000 }, (_, n) => `default/o-${n}`);
  const before = sharedMap(new Map(names.map((name) => [name, { name }])));
  const after = before.with([["default/o-7", { name: "another" }]]);
  const looked = vi.spyOn(Map.prototype, "get");
  expect([...changedKeys(before, after)]).toEqual(["default/o-7"]);
  expect(looked.mock.calls.length).toBeLessThan(100);
  looked.mockRestore();
});
