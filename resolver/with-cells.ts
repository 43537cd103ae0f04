import type { Context } from "../selection/context.ts";
import type { Selection } from "../selection/selector.ts";
import { unitOf } from "../selection/unit.ts";
import type { CellLookup } from "./cell-lookup.ts";
import type { ResolveRequest } from "./request.ts";

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
export function withCells(deps: WithCellsDeps, request: ResolveRequest): ResolveRequest | Promise<ResolveRequest> {
  if (deps.cells === null) return request;
  const needs = needsOf(deps, request);
  if (needs.size === 0) return request;
  return addCells(deps.cells, request, needs);
}

/** Whether {@link withCells} would look something up. */
export function needsCells(deps: WithCellsDeps, request: ResolveRequest): boolean {
  return deps.cells !== null && needsOf(deps, request).size > 0;
}

/** The attributes that are missing, each with the attribute of the unit that it is looked up by. */
function needsOf(
  { selection }: WithCellsDeps,
  { namespace, objectives, context }: ResolveRequest,
): Map<string, string> {
  const needs = new Map<string, string>();
  for (const name of objectives) {
    for (const { allocation, matches, unit } of selection()?.objectives.get(`${namespace}/${name}`)?.experiments ??
      []) {
      if (allocation.by !== "cells" || context[allocation.attribute] !== undefined) continue;
      if (unitOf(context, unit) !== null && matches(context)) needs.set(allocation.attribute, unit);
    }
  }
  return needs;
}

async function addCells(
  lookup: CellLookup,
  request: ResolveRequest,
  needs: ReadonlyMap<string, string>,
): Promise<ResolveRequest> {
  const { namespace } = request;
  const found = await Promise.all(
    [...needs].map(async ([attribute, unitAttribute]) => {
      const unit = unitOf(request.context, unitAttribute) as string;
      return [attribute, await lookup({ namespace, attribute: unitAttribute, unit })] as const;
    }),
  );
  const context: { [attribute: string]: Context[string] } = Object.assign(Object.create(null), request.context);
  for (const [attribute, cells] of found) if (cells !== null) context[attribute] = cells;
  return { ...request, context };
}
