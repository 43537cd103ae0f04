import { expect, test } from "vitest";
import { createServedObjectives } from "./served-objectives.ts";

test("the users of a cluster are the objectives that route to it now", () => {
  const objectives = createServedObjectives((clusters: readonly string[]) => clusters);
  objectives.set("d/a", ["d/one", "d/two"]);
  objectives.set("d/b", ["d/two"]);
  expect(objectives.usersOf("d/one")).toEqual(["d/a"]);
  expect(objectives.usersOf("d/two")).toEqual(["d/a", "d/b"]);
  objectives.set("d/a", ["d/three"]);
  expect(objectives.usersOf("d/one")).toEqual([]);
  expect(objectives.usersOf("d/two")).toEqual(["d/b"]);
  expect(objectives.usersOf("d/three")).toEqual(["d/a"]);
  objectives.set("d/a", undefined);
  expect(objectives.usersOf("d/three")).toEqual([]);
  expect(objectives.get("d/a")).toBeUndefined();
  expect([...objectives.entries()]).toEqual([["d/b", ["d/two"]]]);
});
