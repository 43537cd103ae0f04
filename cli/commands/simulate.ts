import { setImmediate as yieldToOthers } from "node:timers/promises";
import type { LiveDocuments } from "../../config/live-documents.ts";
import type { Loaded } from "../../config/load-text.ts";
import { nearest } from "../../config/nearest.ts";
import { affectedObjectives } from "../../config/relations/needs.ts";
import { emptyLiveDocuments } from "../../config/settle.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import { documentsAfter } from "../../planning/documents-after.ts";
import { madeUpContexts } from "../../planning/sample.ts";
import { type Simulation, startSimulation } from "../../planning/simulate.ts";
import type { Context } from "../../selection/context.ts";
import type { Arguments, Command, CommandContext, Option } from "../command.ts";
import { contextFileOption, readContexts } from "../context-file.ts";
import { objectiveNamed } from "../document-kinds.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { fileOption, loadNamed, loadValid } from "../loading.ts";
import { outputOption, render } from "../output/render.ts";
import { formatSimulation, type ShownSimulation } from "../output/simulation.ts";
import { parseContextFlags } from "../parse-context.ts";
import { nowOption, parseNow } from "../parse-time.ts";
import { parseUnits, unitsOption } from "../parse-units.ts";
import { proposedChange } from "../proposed-change.ts";
import { resolveOptions } from "../resolving.ts";
import { liveDocuments, momentOf, namespaceOption, withStore } from "../store-access.ts";

const momentOption = (describe: string): Option => ({ describe: `${describe}: a revision, or a time with its zone` });

/** `signalbox simulate`: shares of variants over made-up or recorded contexts. */
export const simulate: Command = {
  usage: "simulate [objective]",
  summary: "Decide for many contexts: the share of each variant, and who moves between two revisions",
  positionals: { objective: { describe: "One objective; with -f those that the files touch, else all" } },
  options: {
    filename: { ...fileOption.filename, required: false },
    alone: { describe: "The files by themselves: without NATS, compared with nothing", type: "boolean" },
    from: momentOption("Compare with what was live then"),
    to: momentOption("Simulate what was live then, instead of now"),
    ...nowOption,
    ...unitsOption(),
    ...contextFileOption,
    context: { ...(resolveOptions.context as Option), describe: "An attribute of every made-up context, KEY=VALUE" },
    ...namespaceOption,
    ...outputOption,
  },
  examples: [
    ["signalbox simulate -f examples/quickstart --units 1e6", "shares after a change, and how many users it moves"],
    ["signalbox simulate quickstart --from 42", "who moved since revision 42"],
    ["signalbox simulate quickstart --units 1e5 -c device=kiosk", "what kiosks get"],
    ["signalbox simulate -f docs --alone --context-file contexts.jsonl", "files and recorded contexts, without NATS"],
  ],
  run: async (args, context) => {
    requireSense(args);
    const nowMs = parseNow(args.now);
    const states = await readStates(args, context);
    const wanted = wantedOf(args, states);
    const simulation = startSimulation(states.before, states.after, { wanted, nowMs });
    requireSome(simulation, args, states);
    await feed(simulation, args, context.signal);
    const shown: ShownSimulation = {
      comparison: states.comparison,
      isSample: args["context-file"] === undefined || args.units !== undefined,
      objectives: simulation.result(),
    };
    render(args, context, shown, () => formatSimulation(shown));
    return exitCode.ok;
  },
};

type States = {
  readonly before: LiveDocuments;
  readonly after: LiveDocuments;
  /** What is compared with what; null when nothing is. */
  readonly comparison: ShownSimulation["comparison"];
};

function requireSense(args: Arguments): void {
  const problem =
    args.filename === undefined && args.alone
      ? "--alone needs files: -f"
      : args.filename !== undefined && args.to !== undefined
        ? "-f and --to: files are what is simulated; leave one of them out"
        : args.alone && args.from !== undefined
          ? "--alone and --from: what was live is in NATS; leave one of them out"
          : null;
  if (problem !== null) throw new CommandError(`${problem}.`, exitCode.usage);
}

async function readStates(args: Arguments, context: CommandContext): Promise<States> {
  const loaded = await loadGiven(args, context);
  if (loaded && args.alone) {
    const after = documentsAfter(emptyLiveDocuments, proposedChange(args, loaded, emptyLiveDocuments));
    return { before: after, after, comparison: null };
  }
  return await withStore(context, async (store) => {
    const now = await stateAt(store, args, "to");
    const before = args.from === undefined ? now : await stateAt(store, args, "from");
    if (!loaded) {
      const comparison = args.from === undefined ? null : { from: before.revision, to: now.revision };
      return { before, after: now, comparison };
    }
    const after = documentsAfter(now, proposedChange(args, loaded, now));
    return { before, after, comparison: { from: before.revision, to: "the files" as const } };
  });
}

async function loadGiven(args: Arguments, context: CommandContext): Promise<Loaded | null> {
  if (args.filename === undefined) return null;
  return args.alone ? await loadNamed(args, context) : await loadValid(args, context);
}

async function stateAt(store: DocumentStore, args: Arguments, flag: "from" | "to"): Promise<LiveDocuments> {
  const at = momentOf(args[flag], flag);
  return at ? await store.liveAt(at) : await liveDocuments(store);
}

/** The objective named; else, when two states are compared, those that differ, and those of the files. */
function wantedOf(args: Arguments, { before, after }: States): (objective: string) => boolean {
  if (args.objective !== undefined) {
    const { namespace, name } = objectiveNamed(args);
    return (objective) => objective === `${namespace}/${name}`;
  }
  if (args.filename === undefined || args.alone) return () => true;
  const touched = affectedObjectives(before, after);
  return (objective) => touched.has(objective);
}

function requireSome({ objectives }: Simulation, args: Arguments, { after }: States): void {
  if (objectives.length > 0 || args.objective === undefined) return;
  const { namespace, name } = objectiveNamed(args);
  const close = nearest(`${namespace}/${name}`, [...after.objectives.keys()]);
  throw new CommandError(
    `There is no Objective ${namespace}/${name}.${close === null ? "" : ` Did you mean ${close}?`}`,
  );
}

const unitsByDefault = 100_000;
/** Contexts decided between two looks at whether the command was interrupted. */
const sliceSize = 20_000;

async function feed(simulation: Simulation, args: Arguments, signal: AbortSignal): Promise<void> {
  const attributes = parseContextFlags((args.context as readonly string[] | undefined) ?? []) as Context;
  let fed = 0;
  const add = async (context: Context, objective: string) => {
    simulation.add(context, objective);
    if (++fed % sliceSize !== 0) return;
    await yieldToOthers();
    signal.throwIfAborted();
  };
  if (args["context-file"] !== undefined && args.units === undefined) {
    for await (const { context, objective } of readContexts(args)) {
      const names = objective === undefined ? simulation.objectives : [objective];
      for (const name of names) await add({ ...context, ...attributes }, name);
    }
    return;
  }
  const recorded = args["context-file"] === undefined ? [] : await readAll(args);
  const units = args.units === undefined ? unitsByDefault : parseUnits(args.units);
  for (const objective of simulation.objectives) {
    const own = recorded.filter((each) => each.objective === undefined || each.objective === objective);
    const attributesOf = (index: number) => ({ ...own[index % own.length]?.context, ...attributes });
    for (const context of madeUpContexts(simulation.unitsOf(objective), units, attributesOf))
      await add(context, objective);
  }
}

/** Lines of a file that are given to made-up units in turn. */
const mostRecorded = 1_000_000;

async function readAll(args: Arguments) {
  const recorded = [];
  for await (const each of readContexts(args)) {
    recorded.push(each);
    if (recorded.length > mostRecorded)
      throw new CommandError(
        `--context-file has more than ${mostRecorded} lines: without --units they are counted one by one.`,
      );
  }
  return recorded;
}
