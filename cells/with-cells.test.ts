import { expect, test, vi } from "vitest";
import { sharedMap } from "../config/shared-map.ts";
import type { Context } from "../selection/context.ts";
import { compiled, experiment } from "../selection/testing/documents.ts";
import type { CellLookup } from "./cell-lookup.ts";
import { needsCells, withCells } from "./with-cells.ts";

const byCells = (name: string, spec: object = {}) => experiment(name, { allocation: { by: "cells" }, ...spec });
const objectives = sharedMap(
  new Map([
    ["default/test", compiled({}, { experiments: [byCells("by-user"), byCells("by-account", { unit: "accountId" })] })],
    ["default/plain", compiled({}, { experiments: [experiment("by-hash")] })],
  ]),
);

/** A platform that says of every unit which it is. */
function makeDeps() {
  const cells = vi.fn<CellLookup>(async ({ attribute, unit }) => [`${attribute}=${unit}`]);
  return { cells, selection: () => ({ objectives }) };
}

const requestOf = (context: Context, objective = "test") => ({
  namespace: "default",
  objectives: [objective],
  context,
});

test("experiments of different units that share an attribute each have the cells of theirs", async () => {
  const deps = makeDeps();
  const request = requestOf({ userId: "u", accountId: 7 });
  expect(needsCells(deps, request)).toBe(true);
  expect((await withCells(deps, request)).context).toEqual({
    userId: "u",
    accountId: 7,
    cells: ["accountId=7", "userId=u"],
  });
  expect(deps.cells).toHaveBeenCalledTimes(2);
});

test.each<[string, Context, string]>([
  ["that says its cells", { userId: "u", cells: [] }, "test"],
  ["without a unit", { other: "u" }, "test"],
  ["for an objective whose experiments go by hash", { userId: "u" }, "plain"],
  ["for an objective that there is not", { userId: "u" }, "nothing"],
])("nothing is looked up for a context %s", (_, context, objective) => {
  const deps = makeDeps();
  const request = requestOf(context, objective);
  expect(withCells(deps, request)).toBe(request);
  expect(deps.cells).not.toHaveBeenCalled();
});

test("what is not told in time is left out, and what is told of another unit stays", async () => {
  const deps = makeDeps();
  deps.cells.mockImplementation(async ({ attribute }) => (attribute === "userId" ? null : ["x=control"]));
  const both = await withCells(deps, requestOf({ userId: "u", accountId: "a" }));
  expect(both.context.cells).toEqual(["x=control"]);
  const late = await withCells(deps, requestOf({ userId: "u" }));
  expect(late.context).toEqual({ userId: "u" });
});
