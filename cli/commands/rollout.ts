import { documentKey } from "../../config/documents/document.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import { withPaused } from "../../planning/staged-rollout.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { documentNamed, namespaceOf } from "../document-kinds.ts";
import { CommandError, type ExitCode, exitCode } from "../exit-codes.ts";
import { fileOption } from "../loading.ts";
import { formatPublished } from "../output/receipts.ts";
import { outputOption, render } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { parseDuration } from "../parse-duration.ts";
import { exitCodeOf, waitOptions } from "../receipts.ts";
import { abortRollout } from "../rollout/abort.ts";
import {
  advance,
  driveRollout,
  eventText,
  everybody,
  exitCodeOf as exitCodeOfStage,
  finish,
  type RolloutEvent,
  reachStage,
} from "../rollout/drive.ts";
import { startRollout } from "../rollout/start.ts";
import { firstRevision, listRollouts, requireRollout, type StoredRollout } from "../rollout/stored-rollout.ts";
import { namespaceOption, withStore } from "../store-access.ts";

const actions = ["start", "status", "pause", "resume", "abort"] as const;
type Action = (typeof actions)[number];

/** `signalbox rollout`: a change for one group of resolvers and Envoys after the other. */
export const rollout: Command = {
  usage: "rollout [action] [name]",
  summary: "Publish a change to one group of resolvers and Envoys first, then to the next; pause, resume, abort it",
  positionals: {
    action: { describe: "start, status, pause, resume or abort; start with -f, else status", suggestions: actions },
    name: { describe: "The rollout; with start, what to call it (the first document's name by default)" },
  },
  options: {
    filename: { ...fileOption.filename, required: false },
    stages: {
      describe: `Groups of resolvers (RESOLVER_GROUP) and Envoys (ENVOY_GROUP) in order, and then ${everybody}`,
    },
    pause: { describe: "Between two stages, such as 5m; without it, each waits for `rollout resume`" },
    ...namespaceOption,
    ...waitOptions,
    wait: { describe: "Carry it on until it is done", type: "boolean", default: true },
    timeout: { ...waitOptions.timeout, describe: "How long one stage may take to be live, such as 30s or 2m" },
    ...outputOption,
  },
  examples: [
    ["signalbox rollout -f docs --stages canary,region-a,all --pause 5m", "five minutes between the groups"],
    ["signalbox rollout start spring -f docs --stages canary,all", "waits for `signalbox rollout resume spring`"],
    ["signalbox rollout pause spring", "stays at its stage, however long"],
    ["signalbox rollout resume spring", "goes on; also when what started it was interrupted"],
    ["signalbox rollout abort spring", "back to what was there before, for everybody"],
    ["signalbox rollout status", "every rollout of the namespace, and its stage"],
  ],
  run: async (args, context) => {
    const action = actionOf(args);
    return await withStore(context, (store) => run(action, store, args, context));
  },
};

function actionOf(args: Arguments): Action {
  const wanted = args.action === undefined ? (args.filename === undefined ? "status" : "start") : String(args.action);
  const action = actions.find((each) => each === wanted);
  const problem =
    action === undefined
      ? `"${wanted}" is no action; it may be ${actions.join(", ")}.`
      : action === "start" && (args.filename === undefined || args.stages === undefined)
        ? "A rollout needs -f and --stages."
        : action !== "start" && (args.filename !== undefined || args.stages !== undefined)
          ? `-f and --stages belong to \`rollout start\`, not to \`rollout ${action}\`.`
          : action !== "start" && action !== "status" && args.name === undefined
            ? `Name the rollout: signalbox rollout ${action} NAME; \`signalbox rollout status\` lists them.`
            : null;
  if (action !== undefined && problem === null) return action;
  throw new CommandError(problem ?? "", exitCode.usage);
}

async function run(action: Action, store: DocumentStore, args: Arguments, context: CommandContext): Promise<ExitCode> {
  if (action === "status") return await showStatus(store, args, context);
  if (action === "start") return await drive(store, await startRollout(store, args, context), args, context);
  const found = await requireRollout(store, documentNamed({ ...args, kind: "pin" }));
  switch (action) {
    case "pause":
      await hold(store, found, context);
      context.print(`Rollout ${titleOf(found)} is held at stage ${stageOf(found)}.`);
      return exitCode.ok;
    case "resume":
      return await resume(store, found, args, context);
    case "abort": {
      const published = await abortRollout(store, found, args, context);
      render(args, context, published, () => formatPublished(published, context.colours));
      return exitCodeOf(published);
    }
    default:
      return action satisfies never;
  }
}

async function hold(store: DocumentStore, { pin, revision }: StoredRollout, context: CommandContext): Promise<void> {
  if (pin.spec.rollout.paused) return;
  await store.apply([{ document: withPaused(pin, true), expectedRevision: revision }], { signal: context.signal });
}

/**
 * Goes on from where it is held, or waits for a confirmation, once that stage is live; one that pauses by itself, and that nobody
 * carries on any more, begins its pause anew.
 */
async function resume(
  store: DocumentStore,
  found: StoredRollout,
  args: Arguments,
  context: CommandContext,
): Promise<ExitCode> {
  const { pauseMs, paused } = found.pin.spec.rollout;
  if (pauseMs !== undefined && !paused) return await drive(store, found, args, context);
  const first = await firstRevision(store, found);
  const show = showOf(args, context, found);
  const reached = await reachStage(found, first, context, timeoutOf(args));
  if (reached.event !== "stage-live") {
    show(reached);
    return exitCodeOfStage(reached);
  }
  const next = await advance(store, found, context, show);
  if (next === "gone") return exitCode.failed;
  if (next !== "done") return await drive(store, next, args, context);
  if (!args.wait) return exitCode.ok;
  return await finish(context, found, first, { timeoutMs: timeoutOf(args), show });
}

async function drive(
  store: DocumentStore,
  found: StoredRollout,
  args: Arguments,
  context: CommandContext,
): Promise<ExitCode> {
  const show = showOf(args, context, found);
  if (!args.wait) return exitCode.ok;
  try {
    return await driveRollout(store, found, context, { timeoutMs: timeoutOf(args), show });
  } finally {
    if (context.signal.aborted) {
      const { name, namespace } = found.id;
      context.warn(
        `The rollout stays at its stage; \`signalbox rollout resume ${name} -n ${namespace}\` goes on, abort goes back.`,
      );
    }
  }
}

function timeoutOf(args: Arguments): number {
  return parseDuration("timeout", String(args.timeout));
}

/** One line an event: in words, or as JSON. */
function showOf(args: Arguments, context: CommandContext, { id }: StoredRollout): (event: RolloutEvent) => void {
  return (event) => context.print(args.output === "table" ? eventText(event, id) : JSON.stringify(event));
}

async function showStatus(store: DocumentStore, args: Arguments, context: CommandContext): Promise<ExitCode> {
  const all = await listRollouts(store, namespaceOf(args));
  const found = args.name === undefined ? all : all.filter(({ id }) => id.name === String(args.name));
  const shown = found.map(({ id, pin, at }) => {
    const { objectives, rollout: state } = pin.spec;
    return { key: documentKey(id), name: id.name, objectives: objectives ?? null, since: at, ...state };
  });
  render(args, context, shown, () =>
    shown.length === 0
      ? "No rollout is under way."
      : formatTable(
          ["rollout", "stage", "then", "pause", "since", "objectives"],
          found.map((each) => {
            const { stages, stage, pauseMs, paused } = each.pin.spec.rollout;
            const then = [...stages.slice(stage + 1), everybody].join(", ");
            const pauseText = paused ? "held" : pauseMs === undefined ? "until resumed" : `${pauseMs / 1000} s`;
            const objectives = each.pin.spec.objectives?.join(", ") ?? "all";
            return [each.id.name, stageOf(each), then, pauseText, each.at, objectives];
          }),
        ),
  );
  return exitCode.ok;
}

function titleOf({ id }: StoredRollout): string {
  return `${id.namespace}/${id.name}`;
}

function stageOf({ pin }: StoredRollout): string {
  const { stages, stage } = pin.spec.rollout;
  return stages[stage] ?? everybody;
}
