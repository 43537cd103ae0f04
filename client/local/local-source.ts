import { join } from "node:path";
import type { CellLookup } from "../../cells/cell-lookup.ts";
import { withCells } from "../../cells/with-cells.ts";
import { anySignal } from "../../config/any-signal.ts";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { followDocuments } from "../../config/store/follow.ts";
import { untilAborted } from "../../config/until-aborted.ts";
import { activate } from "../../rollout/activate.ts";
import type { ActiveSelection } from "../../rollout/current-selection.ts";
import { type Heartbeat, startHeartbeat } from "../../rollout/heartbeat.ts";
import { resolutionOf } from "../../selection/resolution.ts";
import { defaultDecision } from "../../selection/rule-table.ts";
import { select } from "../../selection/select.ts";
import { type Answer, answerFrom } from "../answer.ts";
import { SignalboxClientError } from "../client-error.ts";
import type { EventListener } from "../events.ts";
import type { NatsOptions } from "../options.ts";
import { type Question, qualifiedObjective } from "../question.ts";
import type { Source } from "../source.ts";
import { clientId, packageVersion } from "./identity.ts";

export type LocalSourceDeps = {
  readonly nats: NatsOptions;
  readonly snapshotFolder: string;
  readonly clientName: string | undefined;
  /** How long a call waits for the first documents. */
  readonly timeoutMs: number;
  readonly emit: EventListener;
  /** How cells of an outside platform are looked up, until the signal aborts; null when contexts alone have them. */
  readonly openCells: (signal: AbortSignal) => CellLookup | null;
};

/** Follows the documents and decides in this process. Starts from its last-good snapshot when NATS is away. */
export function createLocalSource(deps: LocalSourceDeps): Source {
  const { nats, emit } = deps;
  const stopping = new AbortController();
  const settings = {
    servers: nats.servers,
    credentialsFile: nats.credentialsFile,
    clientName: `signalbox-client ${deps.clientName ?? ""}`.trim(),
  };
  let snapshot: LiveDocuments | null = null;
  const follower = followDocuments({
    ...settings,
    bucket: nats.bucket,
    snapshotFolder: deps.snapshotFolder,
    onSnapshot: (live) => {
      snapshot = live;
    },
    onEvent: (event) => emit({ type: "documents", event }),
    signal: stopping.signal,
  });
  const activation = activate({
    ...{
      follower,
      nats: settings,
      bucket: nats.bucket,
      statusBucket: nats.activation === "immediate" ? null : nats.statusBucket,
    },
    group: nats.group,
    folder: join(deps.snapshotFolder, "former"),
    snapshot: () => snapshot,
    onChange: () => {
      heartbeat?.changed();
      emit({ type: "changed" });
    },
    onStatusProblem: (problem) => emit({ type: "activation", problem }),
    logger: {
      warn: (fields, message) => emit({ type: "activation", problem: message, ...fields }),
      error: (fields, message) => emit({ type: "activation", problem: message, ...fields }),
    },
    now: () => new Date(),
    signal: stopping.signal,
  });

  const heartbeat = nats.heartbeat === false ? null : beat();
  const stopListening = follower.subscribe(() => heartbeat?.changed());

  /** What it answers from is waited for, as with any resolver, before the routes of a former revision are dropped. */
  function beat(): Heartbeat {
    const identity = { id: clientId(deps.clientName), startedAt: new Date().toISOString(), version: packageVersion() };
    return startHeartbeat({
      ...{ ...settings, bucket: nats.statusBucket },
      status: () => {
        const { revision, connected, staleSince } = follower.status();
        const rejections = [...follower.current().rejections.values()];
        const status = { process: "resolver", ...identity, revision, connectedToStore: connected } as const;
        return { ...status, group: nats.group, staleSince, rejections, rollout: activation.report() };
      },
      onProblem: (problem) => emit({ type: "heartbeat", problem }),
    });
  }

  const decide = (now: ActiveSelection, question: Question): Answer => {
    const name = qualifiedObjective(question);
    const compiled = now.objectives.get(name);
    if (!compiled) throw unknown(now, name);
    return answerFrom(resolutionOf(select(compiled, question.context)), "local", question.labels);
  };
  const cells = deps.openCells(stopping.signal);

  /** With the cells that the context lacks; at once when there is nothing to look up. */
  const resolveWith = (
    now: ActiveSelection,
    question: Question,
    signal: AbortSignal | undefined,
  ): Answer | Promise<Answer> => {
    if (question.override) throw overrideDenied();
    if (cells === null) return decide(now, question);
    const { namespace, objective, context } = question;
    const asked = withCells({ selection: () => now, cells }, { namespace, objectives: [objective], context });
    if (!(asked instanceof Promise)) return decide(now, question);
    return untilAborted(asked, signal).then((told) =>
      decide(activation.get() ?? now, { ...question, context: told.context }),
    );
  };
  const resolveLater = async (question: Question, signal: AbortSignal | undefined): Promise<Answer> => {
    const timeout = AbortSignal.timeout(deps.timeoutMs);
    try {
      await untilAborted(activation.started, signal ? anySignal([signal, timeout]) : timeout);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw new SignalboxClientError("unavailable", "there are no documents yet: waiting for NATS", { cause: error });
    }
    const now = activation.get();
    if (now === null) throw new SignalboxClientError("unavailable", "there are no documents yet");
    return resolveWith(now, question, signal);
  };

  return {
    resolve: (question, signal) => {
      signal?.throwIfAborted();
      const now = activation.get();
      return now === null ? resolveLater(question, signal) : resolveWith(now, question, signal);
    },
    defaultFor: (objective) => {
      const compiled = activation.get()?.objectives.get(objective);
      return compiled && answerFrom(resolutionOf(defaultDecision(compiled)), "default");
    },
    ready: activation.started,
    close: async () => {
      stopListening();
      await heartbeat?.stop();
      stopping.abort();
      await activation.stopped();
      await follower.stopped;
    },
  };
}

function unknown(selection: ActiveSelection, objective: string): SignalboxClientError {
  const held = selection.live.objectives.has(objective) ? selection.held.get(objective) : undefined;
  if (held) {
    const reasons = held.join("; ");
    return new SignalboxClientError("unavailable", `${objective} is published but not live yet: ${reasons}`);
  }
  const failure = selection.failures.get(objective);
  if (failure !== undefined) return new SignalboxClientError("unavailable", `${objective} cannot be used: ${failure}`);
  return new SignalboxClientError("unknown_objective", `There is no objective ${objective}`);
}

function overrideDenied(): SignalboxClientError {
  const remedy = "a resolver checks the token of an override: ask one, with resolverUrl";
  return new SignalboxClientError("override_denied", `Local mode forces no model version: ${remedy}.`);
}
