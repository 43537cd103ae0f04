import type { ServerResponse } from "node:http";
import type { RequestHandler } from "express";
import { needsCells, withCells } from "../cells/with-cells.ts";
import { evaluateFlag, parseFlagKey, withTargetingKey } from "../selection/flag.ts";
import { resolutionOf } from "../selection/resolution.ts";
import { SignalboxError } from "../service/errors.ts";
import { sendJson } from "../service/http-app.ts";
import { type AnswerDeps, evaluateAll } from "./answer.ts";
import type { Caller } from "./decide.ts";
import type { EndpointDeps } from "./endpoint.ts";
import { entityTag } from "./etag.ts";
import { flagJson } from "./flag-json.ts";
import { answer } from "./get-defaults.ts";
import { observeCall } from "./observed-call.ts";
import { failureOf, sendOfrepError } from "./ofrep-error.ts";
import { parseOfrepRequest } from "./ofrep-request.ts";
import { readJsonBody } from "./read-json-body.ts";
import type { ResolveRequest } from "./request.ts";

export type OfrepDeps = AnswerDeps & EndpointDeps;

/**
 * `POST /ofrep/v1/evaluate/flags/{key}`: one flag of the OpenFeature Remote Evaluation Protocol. What a key names is in
 * selection/flag.ts.
 */
export function postOfrepFlag(deps: OfrepDeps): RequestHandler<{ key: string }> {
  return (request, response) => {
    const { key } = request.params;
    const run = async (caller: Caller) => {
      const body = await readJsonBody(request, deps.maxRequestBytes);
      const { objective, field } = parseFlagKey(key);
      const wanted = await withCells(
        deps,
        withUnit(deps, parseOfrepRequest(body, request, checkObjective(objective, key))),
      );
      const [outcome] = evaluateAll(deps, "ofrep", wanted, caller);
      if (!outcome || "error" in outcome) throw outcome?.error ?? new SignalboxError("internal", "No outcome.");
      const evaluation = evaluateFlag(resolutionOf(outcome.value, wanted), field);
      if (evaluation === null) throw noSuchField(key);
      sendJson(response, 200, JSON.stringify({ key, ...evaluation }));
    };
    const name = "POST /ofrep/v1/evaluate/flags/{key}";
    const fail = (to: ServerResponse, thrown: unknown) => sendOfrepError(to, thrown, key);
    return observeCall(deps, { method: "ofrep", name, request, response, run, fail });
  };
}

/**
 * `POST /ofrep/v1/evaluate/flags`: every objective of a namespace as a flag, with an `ETag`; 304 when `If-None-Match` has
 * it. Not counted as decisions: nobody knows which of them will be acted on.
 */
export function postOfrepFlags(deps: OfrepDeps): RequestHandler {
  return (request, response) => {
    const run = async (caller: Caller) => {
      const body = await readJsonBody(request, deps.maxRequestBytes);
      const every = everyObjective(deps, parseOfrepRequest(body, request, "all"));
      const flags = (await withCellsOfEach(deps, every)).flatMap((wanted) =>
        evaluateAll(deps, "ofrep_bulk", wanted, caller).map((outcome) => {
          if ("value" in outcome) return flagJson(outcome.value, wanted);
          return JSON.stringify(failureOf(outcome.error, outcome.objective.slice(wanted.namespace.length + 1)));
        }),
      );
      const json = `{"flags":[${flags.join(",")}]}`;
      answer(request, response, entityTag(json), json);
    };
    const name = "POST /ofrep/v1/evaluate/flags";
    return observeCall(deps, { method: "ofrep_bulk", name, request, response, run, fail: sendOfrepError });
  };
}

/**
 * The request as it is for all objectives whose arms no outside platform says; beside it, one for each of the others, with the
 * targeting key as its unit and its cells.
 */
async function withCellsOfEach(deps: OfrepDeps, request: ResolveRequest): Promise<readonly ResolveRequest[]> {
  if (deps.cells === null) return [request];
  const [plain, asking]: [string[], ResolveRequest[]] = [[], []];
  for (const name of request.objectives) {
    const own = withUnit(deps, { ...request, objectives: [name] });
    if (needsCells(deps, own)) asking.push(own);
    else plain.push(name);
  }
  return [{ ...request, objectives: plain }, ...(await Promise.all(asking.map((own) => withCells(deps, own))))];
}

/** The request for one objective with the targeting key as its unit, so that an outside platform can be asked for it. */
function withUnit({ selection }: OfrepDeps, request: ResolveRequest): ResolveRequest {
  const compiled = selection()?.objectives.get(`${request.namespace}/${request.objectives[0]}`);
  return compiled ? { ...request, context: withTargetingKey(request.context, compiled.unit) } : request;
}

function everyObjective({ selection }: OfrepDeps, request: ResolveRequest): ResolveRequest {
  const prefix = `${request.namespace}/`;
  const names = [...(selection()?.objectives.keys() ?? [])].filter((name) => name.startsWith(prefix));
  return { ...request, single: false, objectives: names.map((name) => name.slice(prefix.length)).sort() };
}

/** A key that cannot be an objective's is one of no flag. */
function checkObjective(objective: string, key: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(objective)) return objective;
  const wanted = "<objective> or <objective>.<field>";
  throw new SignalboxError(
    "unknown_objective",
    `There is no flag ${JSON.stringify(key.slice(0, 200))}: keys are ${wanted}`,
  );
}

function noSuchField(key: string): SignalboxError {
  const fields = "routingKey, model, version, variant (where it was split), rule, parameters, parameters.<name>";
  return new SignalboxError(
    "unknown_objective",
    `There is no flag ${JSON.stringify(key.slice(0, 200))}: fields are ${fields}`,
  );
}
