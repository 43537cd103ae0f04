import { followDocuments } from "../../config/store/follow.ts";
import { resolutionOf } from "../../selection/resolution.ts";
import { select } from "../../selection/select.ts";
import { compileSelection, type Selection } from "../../selection/selector.ts";
import { untilAborted } from "../aborts.ts";
import { type Answer, answerFrom } from "../answer.ts";
import { SignalboxClientError } from "../client-error.ts";
import type { EventListener } from "../events.ts";
import type { NatsOptions } from "../options.ts";
import { type Question, qualifiedObjective } from "../question.ts";
import type { Source } from "../source.ts";

export type LocalSourceDeps = {
  readonly nats: NatsOptions;
  readonly snapshotFolder: string;
  readonly clientName: string | undefined;
  /** How long a call waits for the first documents. */
  readonly timeoutMs: number;
  readonly emit: EventListener;
};

/** Follows the documents and decides in this process. Starts from its last-good snapshot when NATS is away. */
export function createLocalSource(deps: LocalSourceDeps): Source {
  const { nats, emit } = deps;
  const stopping = new AbortController();
  const follower = followDocuments({
    servers: nats.servers,
    credentialsFile: nats.credentialsFile,
    bucket: nats.bucket,
    clientName: `signalbox-client ${deps.clientName ?? ""}`.trim(),
    snapshotFolder: deps.snapshotFolder,
    onEvent: (event) => emit({ type: "documents", event }),
    signal: stopping.signal,
  });
  let selection: Selection | null = null;
  const take = () => {
    const next = compileSelection(follower.current(), selection ?? undefined);
    for (const [objective, reason] of next.failures) {
      if (selection?.failures.get(objective) !== reason) emit({ type: "objective-unusable", objective, reason });
    }
    selection = next;
    emit({ type: "changed" });
  };
  const unsubscribe = follower.subscribe(take);
  const ready = follower.started.then(() => {
    if (selection === null) take();
  });

  const resolveWith = (now: Selection, question: Question): Answer => {
    if (question.override) throw overrideDenied();
    const name = qualifiedObjective(question);
    const compiled = now.objectives.get(name);
    if (!compiled) throw unknown(now, name);
    return answerFrom(resolutionOf(select(compiled, question.context)), "local", question.labels);
  };
  const resolveLater = async (question: Question, signal: AbortSignal | undefined): Promise<Answer> => {
    const timeout = AbortSignal.timeout(deps.timeoutMs);
    try {
      await untilAborted(ready, signal ? AbortSignal.any([signal, timeout]) : timeout);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw new SignalboxClientError("unavailable", "there are no documents yet: waiting for NATS", { cause: error });
    }
    return resolveWith(selection as unknown as Selection, question);
  };

  return {
    resolve: (question, signal) =>
      selection === null ? resolveLater(question, signal) : resolveWith(selection, question),
    defaultFor: (objective) => {
      const compiled = selection?.objectives.get(objective);
      return compiled && answerFrom(resolutionOf(compiled.fallback.decided), "default");
    },
    ready,
    close: async () => {
      unsubscribe();
      stopping.abort();
      await follower.stopped;
    },
  };
}

function unknown(selection: Selection, objective: string): SignalboxClientError {
  const failure = selection.failures.get(objective);
  if (failure !== undefined) return new SignalboxClientError("unavailable", `${objective} cannot be used: ${failure}`);
  return new SignalboxClientError("unknown_objective", `There is no objective ${objective}`);
}

function overrideDenied(): SignalboxClientError {
  const remedy = "a resolver checks the token of an override: ask one, with resolverUrl";
  return new SignalboxClientError("override_denied", `Local mode forces no model version: ${remedy}.`);
}
