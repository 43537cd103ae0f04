import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ResourceChange } from "./group.ts";
import type { ResourceInput } from "./resource.ts";
import { createSnapshotStore, type SnapshotStore } from "./snapshot.ts";

const type = "type.googleapis.com/example.Type";
const other = "type.googleapis.com/example.Other";

/** All that streams read of a group. */
function readable(store: SnapshotStore, sequences: number) {
  const group = store.view("g");
  if (!group) return undefined;
  return [type, other].map((typeUrl) => {
    const view = group.type(typeUrl);
    const changes = Array.from({ length: sequences + 1 }, (_, cursor) =>
      [...view.changes(cursor, group.sequence)].map(
        ({ position, sequence, name }) => `${position} ${sequence} ${name}`,
      ),
    );
    const all = view.all().map(({ name, version }) => `${name} ${version}`);
    const gone = ["a", "b", "c", "d"].map((name) => view.lastKnown(name)?.version);
    const { sequence, version, horizon, forgottenPosition, count, bytes, hasLifetimes } = view;
    const totals = { sequence, version, horizon, forgottenPosition, count, bytes, hasLifetimes };
    const positions = ["a", "b", "c", "d"].map((name) => view.positionOf(name));
    return { ...totals, claims: view.claims, positions, changes, all: all.sort(), gone, size: view.all().length };
  });
}

type Change = ResourceChange & { readonly resource: ResourceInput | null };

const change: fc.Arbitrary<Change> = fc.record({
  typeUrl: fc.constantFrom(type, other),
  name: fc.constantFrom("a", "b", "c", "d"),
  resource: fc.option(fc.constantFrom("1", "2").map((content) => ({ bytes: Buffer.from(content) }))),
});

describe("a commit in slices", () => {
  it("leaves what the same commit at once leaves", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.array(change), fc.boolean()), { maxLength: 8 }), async (commits) => {
        const atOnce = createSnapshotStore();
        const sliced = createSnapshotStore({ maxAtOnce: 0, sliceMs: 0 });
        for (const [index, [changes, isWhole]] of commits.entries()) {
          const options = { revision: index };
          const whole = new Map([type, other].map((typeUrl) => [typeUrl, mapOf(changes, typeUrl)]));
          const first = isWhole ? atOnce.set("g", whole, options) : atOnce.apply("g", changes, options);
          const second = await (isWhole
            ? sliced.setInSlices("g", whole, options)
            : sliced.applyInSlices("g", changes, options));
          expect(second).toEqual(first);
          expect(readable(sliced, index)).toEqual(readable(atOnce, index));
          expect(sliced.view("g")?.revisionAt(index)).toBe(atOnce.view("g")?.revisionAt(index));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("forgets old removals as a commit at once does", async () => {
    const store = createSnapshotStore({ maxRemembered: 1, maxAtOnce: 0 });
    const apply = (name: string, content: string | null) =>
      store.applyInSlices("g", [
        { typeUrl: type, name, resource: content === null ? null : { bytes: Buffer.from(content) } },
      ]);
    for (const name of ["a", "b", "c"]) await apply(name, "1");
    for (const name of ["a", "b", "c"]) await apply(name, null);
    await apply("d", "1");
    const view = store.view("g")?.type(type);
    expect(["a", "b", "c"].map((name) => view?.lastKnown(name) !== undefined)).toEqual([false, false, true]);
    expect(view?.horizon).toBe(5);
  });

  it("is visible at its end, and not in its middle", async () => {
    const store = createSnapshotStore({ sliceMs: 0 });
    store.apply("g", [{ typeUrl: type, name: "before", resource: { bytes: Buffer.from("1") } }]);
    const before = readable(store, 1);
    let notified = 0;
    store.subscribe(() => notified++);
    const resources = Array.from(
      { length: 3000 },
      (_, index) => [`r${index}`, { bytes: Buffer.from(`${index}`) }] as const,
    );
    const commit = store.setInSlices("g", new Map([[type, new Map(resources)]]));
    let turns = 0;
    let isDone = false;
    void commit.then(() => {
      isDone = true;
    });
    for (; !isDone; turns++) {
      if (notified === 0) expect(readable(store, 1)).toEqual(before);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(turns).toBeGreaterThan(100);
    expect(notified).toBe(1);
    expect(await commit).toEqual({ sequence: 2, changed: 3001 });
    expect(store.view("g")?.type(type).count).toBe(3000);
  });

  it("lets no other commit of its group begin meanwhile", async () => {
    const store = createSnapshotStore({ maxAtOnce: 0 });
    const changes = [{ typeUrl: type, name: "a", resource: { bytes: Buffer.from("1") } }];
    const commit = store.applyInSlices("g", changes);
    expect(() => store.apply("g", changes)).toThrow('group "g": a commit in slices is not finished');
    await expect(store.setInSlices("g", new Map())).rejects.toThrow("not finished");
    store.apply("h", changes);
    await commit;
    expect(store.apply("g", changes)).toEqual({ sequence: 1, changed: 0 });
  });
});

function mapOf(changes: readonly Change[], typeUrl: string) {
  const own = changes.filter((each) => each.typeUrl === typeUrl);
  return new Map(own.flatMap(({ name, resource }) => (resource ? [[name, resource] as const] : [])));
}
