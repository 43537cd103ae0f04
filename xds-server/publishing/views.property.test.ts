import fc from "fast-check";
import { expect, test } from "vitest";
import { documentId, documentKey, type Kind } from "../../config/documents/document.ts";
import type { Objective } from "../../config/documents/objective.ts";
import type { Pin } from "../../config/documents/pin.ts";
import type { Live, LiveDocuments } from "../../config/live-documents.ts";
import { groupPinsOn, isObeyedBy } from "../../config/pins.ts";
import { objectiveRevision } from "../../config/relations/needs.ts";
import { emptyLiveDocuments, settle } from "../../config/settle.ts";
import { validateDocument } from "../../config/validate.ts";
import { contentVersion } from "../protocol/resource.ts";
import { createSnapshotStore, type SnapshotStore } from "../protocol/snapshot.ts";
import { typeUrls } from "../protocol/type-urls.ts";
import { commonResources, objectiveResources, shardResources } from "../resources/build.ts";
import type { Resource } from "../resources/resource.ts";
import { clustersOf } from "../routing/clusters-of.ts";
import { routeObjective } from "../routing/route-objective.ts";
import type { ObjectiveRoutes } from "../routing/routing-table.ts";
import { audiences } from "./audiences.ts";
import { createPinnedDocuments } from "./pinned-documents.ts";
import { createResourceChanges } from "./resource-changes.ts";
import { withRetained } from "./retained-keys.ts";
import { isSelected, regionsLabel, type ViewSelector } from "./view-selector.ts";
import { createViews } from "./views.ts";

const common = commonResources({ address: "127.0.0.1", port: 10_000, accessLog: "off" });
const byAudience = audiences(common);

const [namespaces, shards, models, objectives] = [
  ["a", "b", "c"],
  ["s1", "s2", "s3"],
  ["m1", "m2"],
  ["o1", "o2", "o3"],
] as const;

const labels = fc.record(
  { tier: fc.constantFrom("gold", "silver"), [regionsLabel]: fc.constantFrom("eu", "us", "eu, us", " ") },
  { requiredKeys: [] },
);
const metadata = (names: readonly string[]) =>
  fc.record({ namespace: fc.constantFrom(...namespaces), name: fc.constantFrom(...names), labels });

const document = fc.oneof(
  fc.record({
    kind: fc.constant("Shard"),
    metadata: metadata(shards),
    spec: fc.record({
      protocol: fc.constantFrom("http1", "grpc"),
      endpoints: fc.integer({ min: 1, max: 9 }).map((port) => [{ address: "10.0.0.1", port }]),
    }),
  }),
  fc.record({
    kind: fc.constant("Model"),
    metadata: metadata(models),
    spec: fc.record({
      versions: fc.tuple(fc.constant("1"), fc.constantFrom("2", "3")).chain((versions) =>
        fc.tuple(
          ...versions.map((version) =>
            fc.uniqueArray(fc.constantFrom(...shards), { minLength: 1 }).map((placement) => ({
              ...{ version, placement: placement.map((shard) => ({ shard })) },
            })),
          ),
        ),
      ),
    }),
  }),
  fc.record({
    kind: fc.constant("Objective"),
    metadata: metadata(objectives),
    spec: fc.record({
      default: fc.record({ model: fc.constantFrom(...models), version: fc.constant("1") }),
      policy: fc.record({ retries: fc.nat(3) }),
    }),
  }),
);
type Put = { readonly kind: string; readonly metadata: { readonly namespace: string; readonly name: string } };

const selector: fc.Arbitrary<ViewSelector> = fc.record({
  audience: fc.constantFrom("envoys" as const, "grpc-clients" as const),
  namespaces: fc.option(fc.uniqueArray(fc.constantFrom(...namespaces), { minLength: 1 }).map((all) => all.sort())),
  region: fc.constantFrom("", "eu", "ap"),
  group: fc.constantFrom("", "canary", "west"),
  labels: fc.constantFrom([], [{ key: "tier", values: ["gold"] }], [{ key: "tier", values: ["gold", "silver"] }]),
});

/** Whom a pin holds: it is new, or holds others from now on. */
const pin = fc.record({
  namespace: fc.constantFrom(...namespaces),
  name: fc.constantFrom("p1", "p2"),
  whom: fc.constantFrom({ groups: ["west"] }, { exceptGroups: ["canary"] }, { exceptGroups: ["canary", "west"] }, null),
});

/** One thing that happens: documents are published or deleted together, a pin changes, or a node of a group comes. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ puts: fc.array(document, { minLength: 1, maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ deletes: fc.array(document, { minLength: 1, maxLength: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ pins: pin }) },
  { weight: 2, arbitrary: fc.record({ joins: selector }) },
);

/** Something of everything in each namespace, for the steps to change. */
const whole: readonly Put[] = namespaces.flatMap((namespace) => {
  const put = (kind: string, name: string, spec: object) => ({ kind, metadata: { namespace, name }, spec });
  const endpoints = [{ address: "10.0.0.1", port: 1 }];
  return [
    ...shards.map((name) => put("Shard", name, { protocol: "http1", endpoints })),
    ...models.map((name) => put("Model", name, { versions: [{ version: "1", placement: [{ shard: "s1" }] }] })),
    ...objectives.map((name) => put("Objective", name, { default: { model: "m1", version: "1" } })),
  ];
});

function publish(live: LiveDocuments, puts: readonly Put[], deletes: readonly Put[]): LiveDocuments {
  const entries = [
    ...puts.map((put) => {
      const validation = validateDocument({ apiVersion: "signalbox.dev/v1", ...put });
      if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
      const value = Buffer.from(JSON.stringify(validation.document));
      return { key: documentKey(documentId(validation.document)), value };
    }),
    ...deletes.map(({ kind, metadata }) => ({ key: documentKey({ kind: kind as Kind, ...metadata }), value: null })),
  ];
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const at = "2026-01-01T00:00:00.000Z";
  const batch = [...byKey.values()].map((entry, index) => ({ ...entry, revision: live.revision + 1 + index, at }));
  return settle(live, batch, new Date(0));
}

/** A pin holds what there was when it was first published; null takes it away. */
function publishPin(live: LiveDocuments, { namespace, name, whom }: Pinning): LiveDocuments {
  const metadata = { namespace, name };
  if (whom === null) return publish(live, [], [{ kind: "Pin", metadata }]);
  const revision = live.pins.get(`${namespace}/${name}`)?.document.spec.revision ?? live.revision;
  return publish(live, [{ kind: "Pin", metadata, spec: { ...whom, revision } } as Put], []);
}
type Pinning = typeof pin extends fc.Arbitrary<infer Value> ? Value : never;

/** What is published of an objective for some group: who has it by its own labels, and what it is routed to. */
type ExpectedForm = { readonly objective: Live<Objective>; readonly routes: ObjectiveRoutes; readonly pin: Pin | null };

/** The forms of all objectives: the newest, and those that pins hold, which know the newest keys too. */
function formsOf(live: LiveDocuments, at: (revision: number) => LiveDocuments): Map<string, ExpectedForm[]> {
  const heldForms = (name: string, revision: number, newest: ObjectiveRoutes | null) =>
    groupPinsOn(live, name, revision).flatMap((each): ExpectedForm[] => {
      const documents = at(each.spec.revision ?? 0);
      const objective = documents.objectives.get(name);
      if (!objective) return [];
      return [{ objective, routes: withRetained(routeObjective(documents, name), newest?.versions ?? []), pin: each }];
    });
  const names = new Set(
    [...live.pins.values()].flatMap(({ document }) => [...at(document.spec.revision ?? 0).objectives.keys()]),
  );
  const forms = [...new Set([...live.objectives.keys(), ...names])].map((name): [string, ExpectedForm[]] => {
    const objective = live.objectives.get(name);
    if (!objective) return [name, heldForms(name, live.revision, null)];
    const routes = routeObjective(live, name);
    return [name, [...heldForms(name, objectiveRevision(live, name), routes), { objective, routes, pin: null }]];
  });
  return new Map(forms);
}

/**
 * Type and name -> version of what a selection means, and what that depends on; nothing else. `shards` are all there ever were, in
 * their last form.
 */
function expected(
  live: LiveDocuments,
  at: (revision: number) => LiveDocuments,
  shardsEver: LiveDocuments["shards"],
  wanted: ViewSelector,
): Map<string, string> {
  const isWanted = ({ document: { kind, metadata } }: Live<LiveDocument>, name: string) =>
    isSelected(wanted, {
      ...{ kind: kind === "Shard" ? "shard" : "objective", name, namespace: metadata.namespace },
      ...{ labels: metadata.labels ?? {}, uses: new Set() },
    });
  const group = wanted.group === "" ? undefined : wanted.group;
  const forms = formsOf(live, at);
  const own = [...forms].flatMap(([name, all]) => {
    const form = all.find(({ pin: by }) => by === null || isObeyedBy(by, group));
    return form && isWanted(form.objective, name) ? [form.routes] : [];
  });
  const needed = new Set(own.flatMap((routes) => [...clustersOf(routes)]));
  const usedByAnyone = new Set([...forms.values()].flat().flatMap(({ routes }) => [...clustersOf(routes)]));
  const present = [...shardsEver].filter(([name]) => live.shards.has(name) || usedByAnyone.has(name));
  const audience = byAudience.find(({ name }) => name === wanted.audience);
  const resources = [
    ...present.flatMap(([name, each]) =>
      needed.has(name) || isWanted(each, name) ? shardResources({ name, spec: each.document.spec }) : [],
    ),
    ...own.flatMap((routes) => objectiveResources(routes)),
  ].filter(({ typeUrl }) => audience?.gets(typeUrl));
  return versionsOf([...(audience?.common ?? []), ...resources]);
}
type LiveDocument = Parameters<typeof documentId>[0];

function versionsOf(resources: readonly Resource[]): Map<string, string> {
  return new Map(
    resources
      .map(({ typeUrl, name, encode }) => [`${typeUrl} ${name}`, contentVersion(encode().bytes)] as const)
      .sort(),
  );
}

function served(store: SnapshotStore, group: string): Map<string, string> {
  const view = store.view(group);
  if (!view) throw new Error(`${group} has no content`);
  const all = Object.values(typeUrls).flatMap((typeUrl) =>
    [...view.type(typeUrl).all()].map(({ name, version }) => [`${typeUrl} ${name}`, version] as const),
  );
  return new Map(all.sort());
}

test("each view has what is built from the documents it selects, as its group has them, and their dependencies alone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { minLength: 1, maxLength: 12 }), async (isWhole, steps) => {
      const store = createSnapshotStore();
      const views = createViews({ store, audiences: byAudience });
      const revisions = new Map([[0, emptyLiveDocuments]]);
      const at = (revision: number) => revisions.get(revision) ?? emptyLiveDocuments;
      const pinned = createPinnedDocuments({
        history: async (revision) => at(revision),
        onMissing: (_, error) => expect(error).toBeUndefined(),
      });
      const changes = createResourceChanges({ validate: () => [], now: () => new Date(0), pinned });
      let live = emptyLiveDocuments;
      const shardsEver = new Map(live.shards);
      const apply = async (next: LiveDocuments) => {
        live = next;
        revisions.set(live.revision, live);
        for (const [name, shard] of live.shards) shardsEver.set(name, shard);
        views.apply(await changes.update(live), { revision: live.revision });
      };
      await apply(live);
      if (isWhole) await apply(publish(live, whole, []));
      const check = () => {
        for (const { group, selector: wanted } of views.status())
          expect(served(store, group)).toEqual(expected(live, at, shardsEver, wanted));
      };
      for (const each of steps) {
        if ("joins" in each) {
          views.groupFor(each.joins);
          continue;
        }
        if ("pins" in each) await apply(publishPin(live, each.pins));
        else await apply(publish(live, "puts" in each ? each.puts : [], "deletes" in each ? each.deletes : []));
        check();
      }
      check();
      for (const { group } of views.status()) {
        const view = store.view(group);
        expect(view?.revisionAt(view.sequence)).toBe(live.revision);
      }
      views.close();
    }),
    { numRuns: 150 },
  );
});
