import { describe, expect, it } from "vitest";
import type { Snapshot } from "./group.ts";
import { contentVersion } from "./resource.ts";
import { createSnapshotStore } from "./snapshot.ts";

const type = "type.googleapis.com/example.Type";

function snapshotOf(contents: Readonly<Record<string, string>>): Snapshot {
  const resources = Object.entries(contents).map(([name, content]) => [name, { bytes: Buffer.from(content) }] as const);
  return new Map([[type, new Map(resources)]]);
}

function viewOf(store: ReturnType<typeof createSnapshotStore>, group = "g") {
  const view = store.view(group);
  if (!view) throw new Error(`no group ${group}`);
  return view;
}

describe("a snapshot store", () => {
  it("has no view of a group before its first commit, even an empty one", () => {
    const store = createSnapshotStore();
    expect(store.view("g")).toBeUndefined();
    store.set("g", new Map());
    expect(viewOf(store).sequence).toBe(1);
  });

  it("turns the difference between two snapshots into one commit", () => {
    const store = createSnapshotStore();
    store.set("g", snapshotOf({ a: "1", b: "1", c: "1" }));
    expect(store.set("g", snapshotOf({ a: "1", b: "2", d: "1" }))).toEqual({ sequence: 2, changed: 3 });
    const changes = [...viewOf(store).type(type).changes(1, 2)].map((change) => change.name);
    expect(changes.sort()).toEqual(["b", "c", "d"]);
    expect(viewOf(store).type(type).get("c")).toBeUndefined();
    expect(viewOf(store).type(type).lastKnown("c")?.version).toBe(contentVersion(Buffer.from("1")));
  });

  it("does not count equal content as a change, whether the bytes are the same object or not", () => {
    const store = createSnapshotStore();
    const snapshot = snapshotOf({ a: "1" });
    store.set("g", snapshot, { revision: 1 });
    expect(store.set("g", snapshot, { revision: 2 })).toEqual({ sequence: 1, changed: 0 });
    expect(store.set("g", snapshotOf({ a: "1" }), { revision: 3 })).toEqual({ sequence: 1, changed: 0 });
    expect(viewOf(store).revisionAt(1)).toBe(3);
  });

  it("shares the encoded bytes of one resource between groups that are given the same prepared change", async () => {
    const store = createSnapshotStore();
    const prepared = await store.prepare([{ typeUrl: type, name: "a", resource: { bytes: Buffer.from("1") } }]);
    store.apply("g", prepared);
    store.apply("h", prepared);
    expect(viewOf(store, "h").type(type).get("a")).toBe(viewOf(store, "g").type(type).get("a"));
  });

  it("gives equal versions to equal content, whatever its history", () => {
    const [first, second] = [createSnapshotStore(), createSnapshotStore()];
    first.set("g", snapshotOf({ a: "1", b: "2" }));
    second.set("g", snapshotOf({ b: "0", c: "3" }));
    second.set("g", snapshotOf({ b: "2", a: "1" }));
    expect(viewOf(second).type(type).version).toBe(viewOf(first).type(type).version);
    second.set("g", snapshotOf({ b: "2", a: "2" }));
    expect(viewOf(second).type(type).version).not.toBe(viewOf(first).type(type).version);
  });

  it("takes explicit versions, of a resource and of a type", () => {
    const store = createSnapshotStore();
    const resource = { bytes: Buffer.from("1"), version: "v1" };
    store.apply("g", [{ typeUrl: type, name: "a", resource }], { typeVersions: new Map([[type, "t1"]]) });
    expect(viewOf(store).type(type).version).toBe("t1");
    expect(viewOf(store).type(type).get("a")?.version).toBe("v1");
    const same = store.apply("g", [{ typeUrl: type, name: "a", resource: { ...resource, version: "v2" } }]);
    expect(same.changed).toBe(1);
    expect(viewOf(store).type(type).get("a")?.version).toBe("v2");
  });

  it("finds the highest revision of which everything is contained in a sequence", () => {
    const store = createSnapshotStore();
    store.set("g", snapshotOf({ a: "1" }), { revision: 10 });
    store.set("g", snapshotOf({ a: "2" }), { revision: 12 });
    store.set("g", snapshotOf({ a: "2" }), { revision: 15 });
    const view = viewOf(store);
    expect([0, 1, 2, 3].map((sequence) => view.revisionAt(sequence))).toEqual([undefined, 10, 15, 15]);
  });

  it("forgets old removals beyond its limit and says from where on it is complete", () => {
    const store = createSnapshotStore({ maxRemembered: 2 });
    store.set("g", snapshotOf({ a: "1", b: "1", c: "1", d: "1", e: "1" }));
    for (const left of ["bcde", "cde", "de", "e"]) {
      store.set("g", snapshotOf(Object.fromEntries([...left].map((name) => [name, "1"]))));
    }
    store.set("g", snapshotOf({ e: "2" }));
    const view = viewOf(store).type(type);
    expect(["a", "b", "c", "d"].map((name) => view.lastKnown(name)?.name)).toEqual([undefined, undefined, "c", "d"]);
    expect(view.horizon).toBe(3);
    expect([...view.changes(1, 9)].map((change) => change.name)).toEqual(["c", "d", "e"]);
  });

  it("tells its listeners of commits and removals until they stop listening", () => {
    const store = createSnapshotStore();
    const heard: string[] = [];
    const stop = store.subscribe((group, isChanged) => heard.push(isChanged ? group : `${group} as it was`));
    store.set("g", snapshotOf({ a: "1" }));
    store.set("g", snapshotOf({ a: "1" }), { revision: 2 });
    store.remove("g");
    stop();
    store.set("h", snapshotOf({ a: "1" }));
    expect(heard).toEqual(["g", "g as it was", "g"]);
    expect(store.groups()).toEqual(["h"]);
  });
});
