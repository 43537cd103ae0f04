import type { LiveDocuments } from "../config/live-documents.ts";
import { findingAffected, objectiveRevision } from "../config/relations/needs.ts";
import { emptyLiveDocuments } from "../config/settle.ts";
import { sharedMap } from "../config/shared-map.ts";
import type { Work } from "../config/work.ts";
import { compileSelection, compiling, type Selection } from "../selection/selector.ts";
import { type Candidates, decideActivation, type Verdicts, type Waiting, withChanges } from "./activation.ts";
import { countedServers, servedRevisions } from "./live-processes.ts";
import { createPaced, type Paced } from "./paced.ts";
import { type Pinned, setPinnedAside } from "./pinned.ts";
import type { ProcessStatus, RolloutReport } from "./process-status.ts";
import { takeDocuments } from "./take-documents.ts";

/** Where it is told what goes wrong with an objective: the logger of the process, or what takes its place. */
export type SelectionLog = {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** What answers: the objectives, each in the form that is activated. */
export type ActiveSelection = Selection & {
  /** Objectives whose newest form is held back, each with the reasons. */
  readonly held: ReadonlyMap<string, readonly string[]>;
};

/** The part of a follower that is needed here. */
export type DocumentSource = {
  current(): LiveDocuments;
  subscribe(listener: (live: LiveDocuments) => void): () => void;
  /** Resolves when there are documents to work with. */
  readonly started: Promise<void>;
};

/** The part of a status watch that is needed here. */
export type StatusSource = {
  /** Null while it is not known who is alive. */
  current(): readonly ProcessStatus[] | null;
  subscribe(listener: () => void): () => void;
};

export type CurrentSelectionDeps = {
  readonly source: DocumentSource;
  /** Whose reports activate a new form; null activates each at once. */
  readonly statuses: StatusSource | null;
  /** The group of this process, which pins may hold; none when absent. */
  readonly group?: string | undefined;
  readonly logger: SelectionLog;
  readonly now: () => Date;
  /** The documents as they were at a former revision, for objectives that were held back before this process started. */
  readonly history?: (revision: number) => Promise<LiveDocuments>;
  /** How often reports are looked at; {@link createPaced} by default. */
  readonly pace?: (work: () => void) => Paced;
  /** Called after every change of what answers, or of what is held back. */
  readonly onChange?: () => void;
};

export type CurrentSelection = {
  /** The objectives in force, compiled; null until there are documents. Each call of the resolver asks once. */
  get(): ActiveSelection | null;
  /** Starts from these documents as the ones that answer, save the objectives in `former`; before the first update. */
  startFrom(documents: LiveDocuments, former: ReadonlyMap<string, LiveDocuments>): void;
  /**
   * Whether what answers is what answers elsewhere: it is known who is alive, the documents are no older than those of the
   * xds-servers, and what these do not serve in its newest form yet is answered in its former one.
   */
  isDecided(): boolean;
  /** What the heartbeat tells of it; undefined until there are documents. */
  report(): RolloutReport | undefined;
  /** The documents from which the objectives that are held back are answered. */
  former(): ReadonlyMap<string, LiveDocuments>;
  /** Resolves when the first documents are taken in. */
  readonly started: Promise<void>;
  stop(): void;
};

type Former = { readonly documents: LiveDocuments; readonly since: string };

/**
 * Keeps the objectives compiled. Each is answered from the newest form that every xds-server reports as ready; what is
 * activated together is swapped in at once.
 */
export function createCurrentSelection(deps: CurrentSelectionDeps): CurrentSelection {
  const { source, statuses, logger, now } = deps;
  let newest: Selection | null = null;
  let active: ActiveSelection | null = null;
  let candidates: Candidates = { revision: 0, waiting: new Map() };
  let former: ReadonlyMap<string, Former> = new Map();
  /** Nothing has been activated by reports yet. */
  let isFirst = true;
  /** Who is alive has been known since the documents were last no older than those of the xds-servers. */
  let hasCaughtUp = false;
  /** The former forms have been looked for since. */
  let hasRecovered = false;

  const swap = (from: Selection, activated: readonly string[], held: Verdicts["held"]) => {
    if (activated.length === 0 && active) {
      const isNews = active.live !== from.live || active.held.size !== held.size;
      active = { ...from, objectives: active.objectives, held };
      if (isNews) deps.onChange?.();
      return;
    }
    active = { ...from, objectives: formsWith(from, activated), held };
    // What has a former form waits.
    const isAll = activated.length === candidates.waiting.size;
    former = isAll ? new Map() : without(former, activated);
    candidates = { ...candidates, waiting: isAll ? new Map() : without(candidates.waiting, activated) };
    deps.onChange?.();
  };

  /** What answers once these are activated. It differs from the newest forms in what goes on waiting. */
  const formsWith = (from: Selection, activated: readonly string[]): Selection["objectives"] => {
    const answering = sharedMap(active?.objectives);
    if (2 * activated.length <= candidates.waiting.size)
      return answering.with(activated.map((name) => [name, from.objectives.get(name)] as const));
    const isActivated = new Set(activated);
    const waiting = [...candidates.waiting.keys()].filter((name) => !isActivated.has(name));
    return from.objectives.with(waiting.map((name) => [name, answering.get(name)] as const));
  };

  const pinned = () => setPinnedAside(candidates, newest?.live ?? emptyLiveDocuments, deps.group);

  const verdicts = (): Verdicts | null => {
    const free = pinned();
    const decided = verdictsOf(free.candidates);
    const held = [...free.pinned].map(([name, { reason }]) => [name, [reason]] as const);
    return decided && { active: decided.active, held: new Map([...decided.held, ...held]) };
  };

  const verdictsOf = (free: Candidates): Verdicts | null => {
    if (statuses === null) return { active: [...free.waiting.keys()], held: new Map() };
    const processes = statuses.current();
    if (processes === null) return null;
    const servers = countedServers(processes);
    // Nobody knows better: there is nothing that would stay active.
    if (isFirst && servers.length === 0) return { active: [...free.waiting.keys()], held: new Map() };
    return decideActivation(free, servers);
  };

  const evaluate = () => {
    if (!newest || (candidates.waiting.size === 0 && active?.live === newest.live)) return;
    const decided = verdicts();
    if (decided) {
      swap(newest, decided.active, decided.held);
      isFirst = false;
      if (!hasCaughtUp && newest.live.revision >= newestWatermark()) {
        hasCaughtUp = true;
        void recoverFormer(decided.held.keys());
      }
    } else {
      hasCaughtUp = false;
      if (active) swap(newest, [], active.held);
    }
  };

  const servers = () => countedServers(statuses?.current() ?? []);

  const newestWatermark = () => Math.max(0, ...servers().map(({ rollout }) => rollout?.watermark ?? 0));

  /** What was held back while this process was not there, or cut off, is answered as the xds-servers serve it. */
  const recoverFormer = async (held: Iterable<string>) => {
    const pins = pinned().pinned;
    const served = servedRevisions(servers());
    const byRevision = new Map<number, string[]>();
    for (const name of held) {
      const revision = pins.get(name)?.revision ?? served(name);
      const names = byRevision.get(revision);
      if (names) names.push(name);
      else byRevision.set(revision, [name]);
    }
    for (const [revision, names] of byRevision) {
      const lacking = names.filter((name) => isFormer(revision, candidates.waiting.get(name)));
      if (lacking.length === 0 || !deps.history) continue;
      try {
        useFormer(lacking, await deps.history(revision));
      } catch (error) {
        const objectives = { objectives: lacking.slice(0, 20), count: lacking.length };
        logger.warn({ ...objectives, revision, err: error }, "the former revision of objectives cannot be read");
      }
    }
    hasRecovered = true;
  };

  const useFormer = (names: readonly string[], documents: LiveDocuments) => {
    const waiting = new Map(candidates.waiting);
    const known = new Map(former);
    const since = now().toISOString();
    const forms = names.flatMap((name) => {
      const each = waiting.get(name);
      // It may have been activated while the history was read.
      const compiled = isFormer(documents.revision, each) && compileOne(documents, name);
      if (!each || !compiled) return [];
      waiting.set(name, { ...each, activeRevision: documents.revision });
      known.set(name, { documents, since });
      return [[name, compiled] as const];
    });
    if (!active || forms.length === 0) return;
    active = { ...active, objectives: active.objectives.with(forms) };
    candidates = { ...candidates, waiting };
    former = known;
    deps.onChange?.();
  };

  /** Compiles what documents change, piece by piece, and takes them in at the end, at once. */
  function* taking(live: LiveDocuments): Work<void> {
    const before = newest;
    const changed = before ? yield* findingAffected(before.live, live) : new Set(live.objectives.keys());
    const next = yield* compiling(live, changed, before ?? undefined);
    for (const [objective, reason] of next.failures) {
      if (before?.failures.get(objective) !== reason)
        logger.error({ objective, reason }, "objective cannot be compiled; its last good form answers");
    }
    newest = next;
    if (before) noteChanges(before.live, live.revision, changed);
    else candidates = allNew(live);
    evaluate();
  }

  const noteChanges = (before: LiveDocuments, revision: number, changed: ReadonlySet<string>) => {
    candidates = withChanges(candidates, revision, changed);
    const answering = { documents: before, since: now().toISOString() };
    const known = new Map(former);
    for (const name of changed) if (!known.has(name)) known.set(name, answering);
    former = known;
  };

  const taken = takeDocuments(source, { taking, isTaken: (live) => newest?.live === live });
  const evaluation = (deps.pace ?? createPaced)(evaluate);
  const stopStatuses = statuses?.subscribe(evaluation.ask);

  return {
    get: () => active,
    isDecided: () =>
      active !== null && active.live.revision >= newestWatermark() && (hasRecovered || candidates.waiting.size === 0),
    startFrom: (documents, held) => {
      newest = compileSelection(documents);
      isFirst = false;
      const forms = [...held].map(([name, each]) => [name, compileOne(each, name)] as const);
      const objectives = newest.objectives.with(forms);
      const since = now().toISOString();
      former = new Map([...held].map(([name, each]) => [name, { documents: each, since }]));
      const { revision } = documents;
      const waiting = [...held].map(([name, each]) => [name, { revision, activeRevision: each.revision }] as const);
      candidates = { revision, waiting: new Map(waiting) };
      active = { ...newest, objectives, held: new Map() };
    },
    report: () => (active ? reportOf(candidates, former, active.held, pinned().pinned) : undefined),
    former: () => new Map([...former].map(([name, { documents }]) => [name, documents])),
    started: taken.started,
    stop: () => {
      taken.stop();
      stopStatuses?.();
      evaluation.stop();
    },
  };
}

/** At the start every objective is new; it came with the newest of its documents. */
function allNew(live: LiveDocuments): Candidates {
  const waiting = [...live.objectives.keys()].map(
    (name) => [name, { revision: objectiveRevision(live, name), activeRevision: 0 }] as const,
  );
  return { revision: live.revision, waiting: new Map(waiting) };
}

/** The map without these of its keys. */
function without<V>(map: ReadonlyMap<string, V>, keys: readonly string[]): ReadonlyMap<string, V> {
  const rest = new Map(map);
  for (const key of keys) rest.delete(key);
  return rest;
}

/** Whether an objective, as it was at this store revision, is newer than what answers, and not what waits. */
function isFormer(revision: number, waiting: Waiting | undefined): boolean {
  return waiting !== undefined && waiting.activeRevision < revision && revision < waiting.revision;
}

function compileOne(documents: LiveDocuments, name: string) {
  const objective = documents.objectives.get(name);
  const objectives = new Map(objective ? [[name, objective]] : []);
  return compileSelection({ ...documents, objectives }).objectives.get(name);
}

function reportOf(
  { revision, waiting }: Candidates,
  former: ReadonlyMap<string, Former>,
  reasons: Verdicts["held"],
  pinned: ReadonlyMap<string, Pinned>,
): RolloutReport {
  const held = [...waiting].map(([objective, each]) => ({
    objective,
    ...each,
    reason: reasons.get(objective)?.join("; ") ?? "waits for the xds-servers",
    since: former.get(objective)?.since ?? "",
    ...(pinned.has(objective) ? { heldBy: pinned.get(objective)?.heldBy } : {}),
  }));
  return { watermark: revision, held };
}
