import type { Context } from "../selection/context.ts";
import type { Selection } from "../selection/selector.ts";
import { unitOf } from "../selection/unit.ts";
import type { CellLookup } from "./cell-lookup.ts";

/** Objectives that are asked for with one context. */
export type CellsRequest = {
  readonly namespace: string;
  readonly objectives: readonly string[];
  readonly context: Context;
};

export type WithCellsDeps = {
  readonly selection: () => Pick<Selection, "objectives"> | null;
  /** Null without an outside platform: cells come in contexts only. */
  readonly cells: CellLookup | null;
};

/**
 * The request, with the cells of its units added to the context where an experiment goes by cells and the context says
 * nothing of them. The very request when there is nothing to look up; a promise when the platform has to be asked. What the
 * platform does not tell in time is left out, so that rules and default decide.
 */
export function withCells<R extends CellsRequest>(deps: WithCellsDeps, request: R): R | Promise<R> {
  if (deps.cells === null) return request;
  const missing = missingCells(deps, request);
  if (missing.length === 0) return request;
  return addCells(deps.cells, request, missing);
}

/** Whether {@link withCells} would look something up. */
export function needsCells(deps: WithCellsDeps, request: CellsRequest): boolean {
  return deps.cells !== null && missingCells(deps, request).length > 0;
}

/** Cells to look up: those of a unit, for an attribute of the context. */
type MissingCells = { readonly attribute: string; readonly unitAttribute: string; readonly unit: string };

/** Each attribute and unit once: experiments of different units may share the attribute. */
function missingCells(
  { selection }: WithCellsDeps,
  { namespace, objectives, context }: CellsRequest,
): readonly MissingCells[] {
  const missing: MissingCells[] = [];
  for (const name of objectives) {
    const compiled = selection()?.objectives.get(`${namespace}/${name}`);
    for (const { allocation, matches, unit: unitAttribute } of compiled?.experiments ?? []) {
      if (allocation.by !== "cells" || context[allocation.attribute] !== undefined) continue;
      const { attribute } = allocation;
      const unit = unitOf(context, unitAttribute);
      if (unit === null || !matches(context)) continue;
      if (!missing.some((each) => each.attribute === attribute && each.unitAttribute === unitAttribute))
        missing.push({ attribute, unitAttribute, unit });
    }
  }
  return missing;
}

async function addCells<R extends CellsRequest>(
  lookup: CellLookup,
  request: R,
  missing: readonly MissingCells[],
): Promise<R> {
  const { namespace } = request;
  const found = await Promise.all(
    missing.map(async ({ attribute, unitAttribute, unit }) => {
      return [attribute, await lookup({ namespace, attribute: unitAttribute, unit })] as const;
    }),
  );
  const added = new Map<string, readonly string[]>();
  for (const [attribute, cells] of found)
    if (cells !== null) added.set(attribute, [...(added.get(attribute) ?? []), ...cells]);
  const context: { [attribute: string]: Context[string] } = Object.assign(Object.create(null), request.context);
  for (const [attribute, cells] of added) context[attribute] = cells;
  return { ...request, context };
}
