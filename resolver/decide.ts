import { suggestion } from "../config/nearest.ts";
import type { CompiledObjective } from "../selection/compile.ts";
import type { Context } from "../selection/context.ts";
import type { SelectOptions } from "../selection/select.ts";
import { SelectionError } from "../selection/selection-error.ts";
import type { Selection } from "../selection/selector.ts";
import { SignalboxError } from "../service/errors.ts";
import type { Authorise } from "./override-tokens.ts";
import type { ResolveRequest } from "./request.ts";

/** Who asks. */
export type Caller = {
  /** The `authorization` header or metadata. */
  readonly authorization: string | undefined;
  /** Address, for logs. Asked only when they want it, because it costs more than a decision. */
  peer(): string;
};

/** An override that was asked for, and what came of it. */
export type OverrideEvent = {
  readonly objective: string;
  readonly wanted: string;
  readonly outcome: "allowed" | "denied" | "unknown_version";
  /** Absent when denied. */
  readonly tokenId?: string;
  readonly request: ResolveRequest;
  readonly caller: Caller;
};

/** The objectives that answer. */
export type Answering = Selection & {
  /** Objectives whose newest form is held back, each with the reasons. */
  readonly held?: ReadonlyMap<string, readonly string[]>;
};

export type DecideDeps = {
  /** The objectives in force; null while there are no documents yet. */
  readonly selection: () => Answering | null;
  readonly authorise: Authorise;
  readonly onOverride: (event: OverrideEvent) => void;
};

/** What came of one objective of a request. `objective` is `<namespace>/<name>`. */
export type Outcome<T> =
  | { readonly objective: string; readonly value: T }
  | { readonly objective: string; readonly error: SignalboxError };

/** `select` or `explain` of selection/. */
export type Decide<T> = (compiled: CompiledObjective, context: Context, options?: SelectOptions) => T;

/**
 * Decides for every objective of a request from one and the same set of documents. An objective that fails does so
 * alone. Throws `not_ready` while there are no documents.
 */
export function decideAll<T>(
  deps: DecideDeps,
  request: ResolveRequest,
  caller: Caller,
  decide: Decide<T>,
): readonly Outcome<T>[] {
  const selection = deps.selection();
  if (selection === null) {
    const message = "This resolver has no documents yet: it is waiting for NATS. Try again, or ask another resolver.";
    throw new SignalboxError("not_ready", message);
  }
  return request.objectives.map((name) => {
    const objective = `${request.namespace}/${name}`;
    try {
      const compiled = find(selection, objective);
      const { override } = request;
      const isForced = override !== undefined && (override.objective ?? name) === name;
      const value = isForced
        ? decideForced(deps, compiled, { request, caller, override }, decide)
        : decide(compiled, request.context);
      return { objective, value };
    } catch (error) {
      return { objective, error: SignalboxError.from(error) };
    }
  });
}

const suggestAmong = 1000;

function find(selection: Answering, objective: string): CompiledObjective {
  const compiled = selection.objectives.get(objective);
  if (compiled) return compiled;
  const failure = selection.failures.get(objective);
  if (failure !== undefined) throw new SignalboxError("internal", `Objective ${objective} cannot be used: ${failure}`);
  const held = selection.live.objectives.has(objective) ? selection.held?.get(objective) : undefined;
  if (held)
    throw new SignalboxError("not_ready", `Objective ${objective} is published but not live yet: ${held.join("; ")}`);
  const [namespace] = objective.split("/");
  // A search among very many names would let a flood of wrong ones slow down the right ones.
  const few = selection.objectives.size <= suggestAmong ? [...selection.objectives.keys()] : [];
  const known = few.filter((candidate) => candidate.startsWith(`${namespace}/`));
  throw new SignalboxError("unknown_objective", `There is no objective ${objective}${suggestion(objective, known)}`);
}

type Forced = {
  readonly request: ResolveRequest;
  readonly caller: Caller;
  readonly override: NonNullable<ResolveRequest["override"]>;
};

function decideForced<T>(deps: DecideDeps, compiled: CompiledObjective, forced: Forced, decide: Decide<T>): T {
  const { request, caller, override } = forced;
  const { model, version } = override;
  const wanted = model === undefined ? version : `${model}@${version}`;
  const event = { objective: compiled.name, wanted, request, caller };
  const authorisation = deps.authorise(caller.authorization, request.namespace);
  if (!authorisation.allowed) {
    deps.onOverride({ ...event, outcome: "denied" });
    throw new SignalboxError("override_denied", `The override is refused: ${authorisation.reason}.`);
  }
  const { tokenId } = authorisation;
  try {
    const value = decide(compiled, request.context, { override: { model, version } });
    deps.onOverride({ ...event, outcome: "allowed", tokenId });
    return value;
  } catch (error) {
    if (!(error instanceof SelectionError) || error.code !== "override_unknown_version") throw error;
    deps.onOverride({ ...event, outcome: "unknown_version", tokenId });
    throw new SignalboxError("override_unknown_version", `${error.message}.`, { cause: error });
  }
}
