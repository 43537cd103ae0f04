import {
  costObstacle,
  embeddedCost,
  embeddingObstacles,
  experimentObstacles,
  experimentsCost,
} from "../../config/embedding.ts";
import { formatPath } from "../../config/field-path.ts";
import type { CompiledObjective } from "../compile.ts";
import { emitProgram, emitResolverProgram } from "../lua/emit-program.ts";

/** Bytes of a program: it travels with the routes of its objective, and each worker of each Envoy holds it. */
export const maxProgramBytes = 256 * 1024;

/** What selects for an objective in one-call mode. */
export type OneCallEngine = "embedded" | "resolver";

export type OneCallPlan = {
  readonly engine: OneCallEngine;
  /** Why the rules do not run inside Envoy; empty when they do. */
  readonly why: readonly string[];
  /** What the Lua filter of the one-call listener runs, for either engine. */
  readonly program: string;
};

/** How one-call mode selects for an objective: inside Envoy when the objective allows it and Envoy can, or else by the resolver. */
export function planOneCall(compiled: CompiledObjective): OneCallPlan {
  const why = obstaclesOf(compiled);
  if (why.length > 0) return { engine: "resolver", why, program: emitResolverProgram(compiled) };
  const program = emitProgram(compiled);
  const bytes = Buffer.byteLength(program);
  if (bytes <= maxProgramBytes) return { engine: "embedded", why: [], program };
  const tooLong = `the rules and their parameters are ${bytes} bytes as a program, of at most ${maxProgramBytes}`;
  return { engine: "resolver", why: [tooLong], program: emitResolverProgram(compiled) };
}

function obstaclesOf(compiled: CompiledObjective): string[] {
  const { policy, rules } = compiled.objective.spec;
  if (policy.engine === "resolver") return ["policy.engine asks for the resolver"];
  const inRules = embeddingObstacles(rules).map(
    ({ path, message }) => `${formatPath(["spec", "rules", ...path])} ${message}`,
  );
  const inExperiments = compiled.experiments.flatMap(({ name, document }) =>
    experimentObstacles(document).map(
      ({ path, message }) => `${formatPath(["spec", ...path])} of experiment ${name} ${message}`,
    ),
  );
  const obstacles = [...inRules, ...inExperiments];
  return obstacles.length > 0 ? obstacles : tooDear(compiled);
}

function tooDear({ objective, experiments }: CompiledObjective): string[] {
  const holdouts = new Set(experiments.flatMap((experiment) => experiment.holdouts.map(({ name }) => name)));
  const documents = experiments.map(({ document }) => document);
  const message = costObstacle(embeddedCost(objective.spec.rules) + experimentsCost(documents, holdouts.size));
  return message === null ? [] : [`rules and experiments together ${message}`];
}
