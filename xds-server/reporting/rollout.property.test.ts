import fc from "fast-check";
import { expect, test } from "vitest";
import { type Candidates, decideActivation, withChanges } from "../../rollout/activation.ts";
import { countedResolvers, countedServers, hasCaughtUpOn } from "../../rollout/live-processes.ts";
import type { HeldObjective, ProcessStatus } from "../../rollout/process-status.ts";
import { createProcessTable, type ProcessTable } from "../../rollout/process-table.ts";
import { sampleStatus } from "../../rollout/testing.ts";
import type { NodeStatus } from "../protocol/node-status.ts";
import { typeUrls } from "../protocol/type-urls.ts";
import type { FormChange } from "../publishing/published-objectives.ts";
import { createRetainedKeys, type Form, type RetainedKeys } from "../publishing/retained-keys.ts";
import type { ObjectiveRoutes } from "../routing/routing-table.ts";
import { nextCommitNumber } from "./commit-number.ts";
import { createReporting, type Reporting } from "./reporting.ts";

const objectives = ["default/a", "default/b"] as const;
const lifetimeMs = 10_000;
const cutOffMs = 60_000;
/** An xds-server that is cut off for so long sends its Envoys to another one. */
const sendsAwayAfterMs = 4000;
/** No longer than it counts: one that is back later has to catch up before an Envoy connects to it. */
const cutServerForMs = 5000;

type Keys = ReadonlySet<string>;
/** An objective as it came with some revision: its keys, and how long clients may reuse an answer with one. */
type KeysForm = { readonly keys: Keys; readonly ttlMs: number };
/** A revision of the store: what it made of one objective; null is its deletion. */
type Revision = { readonly objective: string; readonly form: KeysForm | null };
type Served = ReadonlyMap<string, Keys>;

type Step =
  | { readonly do: "publish"; readonly objective: number; readonly keys: number; readonly ttlMs: number }
  | { readonly do: "serverTakes" | "serverReports" | "serverRestarts"; readonly who: number; readonly some: number }
  | { readonly do: "hold" | "unhold"; readonly who: number; readonly some: number }
  | {
      readonly do: "envoyApplies" | "envoyRefuses" | "envoyMoves" | "envoyVanishes";
      readonly who: number;
      readonly some: number;
    }
  | {
      readonly do: "resolverTakes" | "resolverReports" | "resolverHears" | "resolverRestarts" | "cut";
      readonly who: number;
      readonly some: number;
    }
  | { readonly do: "serverHears" | "cutServer"; readonly who: number; readonly some: number }
  | { readonly do: "wait" | "allGoOn"; readonly who: number; readonly some: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      objective: fc.nat(1),
      keys: fc.nat(15),
      ttlMs: fc.constantFrom(0, 2000, 20_000),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...([
          "serverTakes",
          "serverReports",
          "envoyApplies",
          "resolverTakes",
          "resolverHears",
          "resolverReports",
        ] as const),
        ...(["serverHears", "wait", "allGoOn"] as const),
      ),
      who: fc.nat(2),
      some: fc.nat(9),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...(["serverRestarts", "hold", "unhold", "envoyRefuses", "envoyMoves", "envoyVanishes"] as const),
        ...(["resolverRestarts", "cut", "cutServer"] as const),
      ),
      who: fc.nat(2),
      some: fc.nat(9),
    }),
  },
);

type ServerModel = {
  readonly id: string;
  documents: number;
  commit: number;
  forms: Map<string, KeysForm>;
  serves: Served;
  readonly held: Map<string, HeldObjective>;
  /** Objectives that it is to hold back. */
  wanted: Set<string>;
  readonly retained: RetainedKeys;
  readonly reporting: Reporting;
  readonly table: ProcessTable;
  /** Since when it is cut off from NATS; null while it is not. */
  cutSinceMs: number | null;
};

type ResolverModel = {
  readonly id: string;
  readonly table: ProcessTable;
  candidates: Candidates;
  /** Objective to the revision as of which it is answered. */
  readonly active: Map<string, number>;
  reportedAtMs: number;
  isCut: boolean;
};

/** A key that a client was given, by whom, and until when it may use it. */
type Answer = { readonly objective: string; readonly key: string; readonly given: string; readonly untilMs: number };

/** Two xds-servers, three Envoys and two resolvers around one store, each with a clock of its own. */
class World {
  readonly #revisions: Revision[] = [];
  readonly #bucket = new Map<string, { readonly status: ProcessStatus; readonly atMs: number }>();
  #nowMs = 0;
  #names = 0;
  readonly #servers = [0, 1].map((index) => this.#newServer(index));
  readonly #envoys = [0, 1, 2].map((index) => ({
    nodeId: `envoy-${index}`,
    server: index % 2,
    settled: 0,
    serves: new Map() as Served,
    /** What it refused of what it was offered last. */
    refused: new Set<string>(),
    /** What its xds-server has heard of that. */
    told: new Set<string>(),
    /** It has had everything once, so that it takes requests. */
    isServing: false,
    /** When it last had all that there was for it, or took something. */
    answeredAtMs: 0,
    goneSinceMs: null as number | null,
  }));
  readonly #resolvers = [0, 1].map((index) => this.#newResolver(index));
  /** What clients were answered and may reuse, until when. */
  readonly #answers = new Map<string, Answer>();

  take(step: Step): void {
    if (step.do === "publish") {
      const keys = ["1", "2", "3", "4"].filter((_, bit) => step.keys & (1 << bit));
      this.#revisions.push({
        objective: objectives[step.objective] ?? "",
        form: keys.length > 0 ? { keys: new Set(keys), ttlMs: step.ttlMs } : null,
      });
      return;
    }
    const server = step.who % 2;
    const resolver = step.who % 2;
    if (step.do === "serverTakes") this.#serverTakes(server, step.some);
    else if (step.do === "serverReports") this.#serverReports(server);
    else if (step.do === "serverRestarts") this.#serverRestarts(server, step.some % 2 === 0, step.some > 4);
    else if (step.do === "serverHears") this.#serverHears(server);
    else if (step.do === "hold") this.#hold(server, objectives[step.some % 2] ?? "", true);
    else if (step.do === "unhold") this.#hold(server, objectives[step.some % 2] ?? "", false);
    else if (step.do === "envoyApplies") this.#envoyApplies(step.who, null);
    else if (step.do === "envoyRefuses") this.#envoyApplies(step.who, objectives[step.some % 2] ?? "");
    else if (step.do === "envoyMoves") this.#envoyMoves(step.who);
    else if (step.do === "envoyVanishes") this.#envoyVanishes(step.who);
    else if (step.do === "resolverTakes") this.#resolverTakes(resolver, step.some);
    else if (step.do === "resolverHears") this.#resolverHears(resolver);
    else if (step.do === "resolverReports") this.#resolverReports(resolver);
    else if (step.do === "resolverRestarts") this.#resolverRestarts(resolver, step.some % 2 === 0);
    else if (step.do === "cut") this.#cut(resolver);
    else if (step.do === "cutServer") this.#cutServer(server);
    else if (step.do === "allGoOn") this.#allGoOn();
    else this.#nowMs += [1, 10, 100, 500, 1000, 1500, 2000, 3000, 4000, 5000][step.some] ?? 1;
    this.#expire();
  }

  /** No live Envoy lacks a key that a resolver answers with, or that a client may still reuse an answer with. */
  check(): void {
    for (const resolver of this.#resolvers) {
      // For longer than this its keys are not kept.
      if (this.#nowMs - resolver.reportedAtMs >= cutOffMs) continue;
      for (const [objective, revision] of resolver.active) {
        const { keys = [], ttlMs = 0 } = this.#formAt(objective, revision) ?? {};
        for (const key of keys) {
          const given = `${resolver.id} answers ${objective} as of ${revision} with ${key}`;
          const earlier = this.#answers.get(`${objective} ${key}`);
          const untilMs = Math.max(this.#nowMs + ttlMs, earlier?.untilMs ?? 0);
          this.#answers.set(`${objective} ${key}`, { objective, key, given, untilMs });
        }
      }
    }
    for (const [name, { objective, key, given, untilMs }] of this.#answers) {
      if (untilMs < this.#nowMs) this.#answers.delete(name);
      else this.#requireKey(objective, key, given);
    }
  }

  #requireKey(objective: string, key: string, given: string): void {
    for (const envoy of this.#envoys) {
      // Nobody waits for longer for an Envoy that is cut off, or hangs.
      if (!envoy.isServing || this.#nowMs - envoy.answeredAtMs >= lifetimeMs) continue;
      if (!envoy.serves.get(objective)?.has(key)) expect.fail(`${given}, which ${envoy.nodeId} lacks`);
    }
  }

  #formAt(objective: string, revision: number): KeysForm | null {
    return this.#revisions.slice(0, revision).findLast((each) => each.objective === objective)?.form ?? null;
  }

  #changed(from: number, to: number): Set<string> {
    return new Set(this.#revisions.slice(from, to).map(({ objective }) => objective));
  }

  #newServer(index: number): ServerModel {
    const skewMs = index * 1e6;
    const monotonicMs = () => this.#nowMs + skewMs;
    const held = new Map<string, HeldObjective>();
    const retained = createRetainedKeys({ graceMs: 1000, now: monotonicMs });
    const table = createProcessTable({ lifetimeMs, now: monotonicMs });
    const id = `x${index}-${this.#names++}`;
    const reporting = createReporting({
      envoys: () => this.#connectedTo(index),
      isServed: () => true,
      usersOf: () => [],
      held: () => [...held.values()],
      envoyTtlMs: lifetimeMs,
      isElsewhere: (nodeId, sinceMs) =>
        this.#servers[index]?.cutSinceMs === null &&
        table.saidAfter(sinceMs).some((status) => status.id !== id && hasCaughtUpOn(status, nodeId)),
      monotonicMs,
      now: () => new Date(monotonicMs()),
    });
    return {
      id,
      documents: 0,
      commit: 0,
      forms: new Map<string, KeysForm>(),
      serves: new Map() as Served,
      held,
      wanted: new Set<string>(),
      retained,
      reporting,
      table,
      cutSinceMs: null,
    };
  }

  #newResolver(index: number): ResolverModel {
    return {
      id: `r${index}-${this.#names++}`,
      table: createProcessTable({ lifetimeMs, now: () => this.#nowMs - index * 1e6 }),
      candidates: { revision: 0, waiting: new Map() } as Candidates,
      active: new Map<string, number>(),
      reportedAtMs: this.#nowMs,
      isCut: false,
    };
  }

  #connectedTo(index: number): NodeStatus[] {
    const server = this.#servers?.[index];
    return (this.#envoys ?? [])
      .filter((envoy) => envoy.server === index && envoy.goneSinceMs === null)
      .map(({ nodeId, settled, told }) => {
        const nacks = [{ typeUrl: typeUrls.route, resourceNames: [...told], message: "no", at: 0 }];
        return { nodeId, group: "envoys", settledRevision: server && settled, nacks } as unknown as NodeStatus;
      });
  }

  #serverTakes(index: number, some: number): void {
    const server = this.#servers[index];
    if (!server || server.cutSinceMs !== null) return;
    const to = Math.min(this.#revisions.length, server.documents + 1 + some);
    this.#commit(server, to);
  }

  /** What the first commit of a process brings besides is new to it. */
  #commit(server: ServerModel, to: number, isFirst = false): void {
    const before = server.documents;
    const changes: FormChange[] = isFirst
      ? [...server.forms.keys()].map((objective) => ({
          objective,
          revision: to,
          previousRevision: 0,
          isNew: true,
          isLazy: false,
        }))
      : [];
    for (const objective of new Set([...this.#changed(before, to), ...server.held.keys()])) {
      if (server.wanted.has(objective)) {
        const earlier = server.held.get(objective);
        if (!earlier && !this.#changed(before, to).has(objective)) continue;
        const isChanged = this.#changed(before, to).has(objective);
        const activeRevision = earlier?.activeRevision ?? before;
        const revision = isChanged ? to : (earlier?.revision ?? to);
        server.held.set(objective, { objective, revision, activeRevision, reason: "held", since: "" });
        continue;
      }
      server.held.delete(objective);
      const form = this.#formAt(objective, to);
      const old = server.forms.get(objective);
      server.retained.change(objective, old ? served(old) : null, form && served(form), to);
      if (form) server.forms.set(objective, form);
      else server.forms.delete(objective);
      changes.push({ objective, revision: form && to, previousRevision: before, isNew: !old, isLazy: false });
    }
    server.documents = to;
    this.#serve(server, changes);
  }

  #serve(server: ServerModel, changes: readonly FormChange[]): void {
    server.commit = nextCommitNumber(server.commit, server.documents);
    server.serves = new Map(
      objectives.map((objective) => {
        const kept = server.retained.of(objective).map(({ routingKey }) => routingKey);
        return [objective, new Set([...(server.forms.get(objective)?.keys ?? []), ...kept])];
      }),
    );
    server.reporting.published(server.commit, changes);
  }

  /** A new stream begins at nothing, and nothing is known of what was refused on the one before. */
  #reconnects(envoy: { settled: number; told: Set<string> }): void {
    envoy.settled = 0;
    envoy.told = new Set();
  }

  #serverReports(index: number, more: Partial<ProcessStatus> = {}): void {
    const server = this.#servers[index];
    if (!server) return;
    const rollout = server.reporting.report();
    if (server.cutSinceMs !== null) return;
    const counts = new Map(server.reporting.envoys().map((each) => [each.nodeId, each.counts]));
    const envoys = [
      ...this.#connectedTo(index).map(({ nodeId }) => ({ nodeId, counts: counts.get(nodeId) })),
      ...server.reporting.vanished().map(({ node }) => ({ nodeId: node.nodeId, counts: true, goneSince: "" })),
    ] as unknown as ProcessStatus["envoys"];
    this.#put({ ...sampleStatus("xds-server", server.id, server.documents), rollout, envoys, ...more });
  }

  /** What it wrote down is what it begins with. Killed, it leaves its last report as it was; otherwise, its last words. */
  #serverRestarts(index: number, isKilled: boolean, hasMissed: boolean): void {
    const old = this.#servers[index];
    // Its last report is as old as the cut, and may end before an Envoy that it answered since is found on another one.
    if (!old || old.cutSinceMs !== null) return;
    if (!isKilled) this.#serverReports(index, { leaving: true });
    const next = this.#newServer(index);
    next.documents = old.documents;
    next.forms = old.forms;
    next.retained.restore(old.retained.all());
    next.table.restore(old.table.silences());
    next.wanted = old.wanted;
    for (const [name, each] of old.held) next.held.set(name, each);
    this.#servers[index] = next;
    for (const envoy of this.#envoys) if (envoy.server === index) this.#reconnects(envoy);
    // What changed while it was away is a change to what it served last.
    this.#commit(next, hasMissed ? this.#revisions.length : next.documents, true);
  }

  #serverHears(index: number): void {
    const server = this.#servers[index];
    if (!server || server.cutSinceMs !== null) return;
    this.#hears(server);
    const { objectives: left } = server.retained.release(countedResolvers(server.table.remembered(cutOffMs)));
    if (left.length > 0) this.#serve(server, []);
  }

  #hears({ table }: ServerModel): void {
    for (const [key, { status, atMs }] of this.#bucket) table.note(key, status, atMs !== this.#nowMs);
  }

  /** What is stored when it is back may have been said some time ago. */
  #cutServer(index: number): void {
    const server = this.#servers[index];
    if (!server) return;
    const isBack = server.cutSinceMs !== null;
    // Nobody waits for one that was never heard of; without documents, it serves no Envoy.
    if (!isBack && !this.#bucket.has(`xds-server.${server.id}`)) return;
    server.cutSinceMs = isBack ? null : this.#nowMs;
    if (isBack) server.table.resume();
    else server.table.suspend();
    if (isBack) for (const [key, { status }] of this.#bucket) server.table.note(key, status, true);
  }

  /** An xds-server that is cut off sends its Envoys to the other one. */
  #sendAway(): void {
    for (const [index, { cutSinceMs }] of this.#servers.entries()) {
      if (cutSinceMs === null || this.#nowMs - cutSinceMs < sendsAwayAfterMs) continue;
      if (this.#servers[1 - index]?.cutSinceMs !== null) continue;
      for (const [who, { server, goneSinceMs }] of this.#envoys.entries()) {
        if (server === index && goneSinceMs === null) this.#envoyMoves(who);
      }
    }
  }

  #mend(): void {
    for (const [index, { cutSinceMs }] of this.#servers.entries()) {
      if (cutSinceMs !== null && this.#nowMs - cutSinceMs >= cutServerForMs) this.#cutServer(index);
    }
  }

  #hold(index: number, objective: string, isOn: boolean): void {
    const server = this.#servers[index];
    if (!server) return;
    if (isOn) server.wanted.add(objective);
    else if (server.wanted.delete(objective)) this.#commit(server, server.documents);
  }

  #envoyApplies(who: number, refuses: string | null): void {
    const envoy = this.#envoys[who];
    const server = envoy && this.#servers[envoy.server];
    if (!envoy || !server || envoy.goneSinceMs !== null) return;
    // Seen connected before it answers, as the real one is.
    server.reporting.report();
    const serves = new Map(server.serves);
    // One that comes back after so long comes back to what is active already, whatever it refuses.
    const isBack = this.#nowMs - envoy.answeredAtMs >= lifetimeMs;
    const isBad =
      refuses !== null && envoy.isServing && !isBack && !isEqual(serves.get(refuses), envoy.serves.get(refuses));
    if (isBad) serves.set(refuses, envoy.serves.get(refuses) ?? new Set());
    for (const objective of objectives) if (objective !== refuses) envoy.refused.delete(objective);
    if (isBad) envoy.refused.add(refuses);
    envoy.told = new Set(envoy.refused);
    envoy.serves = serves;
    envoy.settled = server.commit;
    envoy.answeredAtMs = this.#nowMs;
    envoy.isServing = server.commit > 0;
    server.reporting.answered(envoy.nodeId, typeUrls.route, [...objectives]);
  }

  #envoyMoves(who: number): void {
    const envoy = this.#envoys[who];
    if (!envoy) return;
    // Gone for too long, it is one that has to catch up before it counts.
    if (this.#nowMs - envoy.answeredAtMs >= lifetimeMs) envoy.isServing = false;
    envoy.server = 1 - envoy.server;
    envoy.goneSinceMs = null;
    this.#reconnects(envoy);
    // It connects at once where it goes, and takes what is there.
    this.#envoyApplies(who, null);
  }

  #envoyVanishes(who: number): void {
    const envoy = this.#envoys[who];
    if (envoy) envoy.goneSinceMs ??= this.#nowMs;
  }

  #resolverTakes(index: number, some: number): void {
    const resolver = this.#resolvers[index];
    if (!resolver || resolver.isCut) return;
    const from = resolver.candidates.revision;
    const to = Math.min(this.#revisions.length, from + 1 + some);
    resolver.candidates = withChanges(resolver.candidates, to, this.#changed(from, to));
    this.#activate(resolver);
  }

  #resolverHears(index: number): void {
    const resolver = this.#resolvers[index];
    if (!resolver || resolver.isCut) return;
    for (const [key, { status }] of this.#bucket) resolver.table.note(key, status);
    this.#activate(resolver);
  }

  #activate(resolver: ResolverModel): void {
    const { candidates } = resolver;
    const { active } = decideActivation(candidates, countedServers(resolver.table.alive()));
    const waiting = new Map(candidates.waiting);
    for (const name of active) {
      waiting.delete(name);
      resolver.active.set(name, candidates.revision);
    }
    resolver.candidates = { ...candidates, waiting };
  }

  #resolverReports(index: number): void {
    const resolver = this.#resolvers[index];
    if (!resolver || resolver.isCut) return;
    resolver.reportedAtMs = this.#nowMs;
    const { revision, waiting } = resolver.candidates;
    const held = [...waiting].map(([objective, each]) => ({ objective, ...each, reason: "", since: "" }));
    this.#put({ ...sampleStatus("resolver", resolver.id, 0), rollout: { watermark: revision, held } });
  }

  /** It comes back with what it wrote down, in the place of the former one, or as another one while that one's entry runs out. */
  #resolverRestarts(index: number, isInPlace: boolean): void {
    const old = this.#resolvers[index];
    if (!old) return;
    const next = this.#newResolver(index);
    this.#resolvers[index] = {
      ...next,
      id: isInPlace ? old.id : next.id,
      candidates: old.candidates,
      active: old.active,
      reportedAtMs: old.reportedAtMs,
    };
  }

  #cut(index: number): void {
    const resolver = this.#resolvers[index];
    if (!resolver) return;
    resolver.isCut = !resolver.isCut;
    if (!resolver.isCut) this.#resolverReports(index);
  }

  /** Everybody takes what there is: so far from the start random steps alone seldom come. */
  #allGoOn(): void {
    for (const index of [0, 1]) this.#serverTakes(index, this.#revisions.length);
    for (const who of [0, 1, 2]) this.#envoyApplies(who, null);
    for (const index of [0, 1]) {
      this.#serverReports(index);
      this.#resolverTakes(index, this.#revisions.length);
    }
    for (const index of [0, 1]) this.#resolverHears(index);
    for (const index of [0, 1]) this.#resolverReports(index);
    for (const index of [0, 1]) this.#serverHears(index);
    for (const who of [0, 1, 2]) this.#envoyApplies(who, null);
  }

  /** Everybody who lives reports every two seconds, and hears what is reported, whatever else happens. */
  #expire(): void {
    for (const [key, { atMs }] of this.#bucket) if (this.#nowMs - atMs >= lifetimeMs) this.#bucket.delete(key);
    for (const envoy of this.#envoys) {
      const isUpToDate = envoy.goneSinceMs === null && envoy.settled === this.#servers[envoy.server]?.commit;
      if (isUpToDate) envoy.answeredAtMs = this.#nowMs;
    }
    this.#sendAway();
    this.#mend();
    for (const index of [0, 1]) {
      this.#serverReports(index);
      this.#resolverReports(index);
    }
    for (const server of this.#servers) if (server.cutSinceMs === null) this.#hears(server);
  }

  #put(status: ProcessStatus): void {
    this.#bucket.set(`${status.process}.${status.id}`, { status, atMs: this.#nowMs });
  }
}

function served({ keys, ttlMs }: KeysForm): Form {
  const versions = [...keys].map((routingKey) => ({ routingKey }));
  return { routes: { versions, fallback: null } as unknown as ObjectiveRoutes, ttlMs };
}

function isEqual(a: Keys | undefined, b: Keys | undefined): boolean {
  return (a?.size ?? 0) === (b?.size ?? 0) && [...(a ?? [])].every((key) => b?.has(key));
}

function holds(of: fc.Arbitrary<Step>, parameters: fc.Parameters<[Step[]]>): void {
  fc.assert(
    fc.property(fc.array(of, { minLength: 30, maxLength: 250, size: "max" }), (all) => {
      const world = new World();
      for (const step of all) {
        world.take(step);
        world.check();
      }
    }),
    parameters,
  );
}

test("no resolver answers with a key that a live Envoy cannot serve, whatever happens in whatever order", () => {
  holds(
    steps.filter((step) => step.do !== "serverRestarts"),
    { numRuns: 600 },
  );
}, 60_000);

test("nor when xds-servers restart", () => {
  holds(steps, { numRuns: 600 });
}, 60_000);
