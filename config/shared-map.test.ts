import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { changedKeys, changing, type MapChange, SharedMap, sharedMap } from "./shared-map.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Few keys, so that changes meet; many of them share a table. */
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

test("a map that is changed in pieces becomes the same, with a turn for others after some of the changes", () => {
  fc.assert(
    fc.property(batches, (all) => {
      let map = new SharedMap<number>();
      for (const changes of all) {
        const work = changing(map, changes);
        let pieces = 0;
        let step = work.next();
        for (; !step.done; step = work.next()) pieces += 1;
        map = map.with(changes);
        expect(new Map(step.value)).toEqual(new Map(map));
        expect(pieces).toBe(Math.ceil(changes.length / 64));
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

test("a map that grows and shrinks holds what it should all along", () => {
  const names = Array.from({ length: 20_000 }, (_, n) => `default/o-${n}`);
  const grown = names.reduce((map, name, index) => map.with([[name, index]]), new SharedMap<number>());
  expect([grown.size, grown.get("default/o-0"), grown.get("default/o-19999")]).toEqual([20_000, 0, 19_999]);
  expect([...changedKeys(new SharedMap<number>().with(grown), grown)]).toEqual([]);
  const shrunk = names.slice(3).reduce((map, name) => map.with([[name, undefined]]), grown);
  expect([...shrunk].sort()).toEqual(names.slice(0, 3).map((name, index) => [name, index]));
  expect([...changedKeys(shrunk, grown)].length).toBe(19_997);
});

test("a thousand maps, each after a change of the one before, take the memory of a few", () => {
  const names = Array.from({ length: 10_000 }, (_, n) => `default/o-${n}`);
  let latest = sharedMap(new Map(names.map((name, index) => [name, index])));
  const maps = [latest];
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (const name of names.slice(0, 1000)) {
    latest = latest.with([[name, -1]]);
    maps.push(latest);
  }
  collectGarbage();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * 2 ** 20);
  expect([...changedKeys(maps.at(-2) ?? latest, latest)]).toEqual(["default/o-999"]);
});
