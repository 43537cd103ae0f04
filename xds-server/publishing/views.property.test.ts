import fc from "fast-check";
import { expect, test } from "vitest";
import { modelsOf, shardsOf } from "../../config/dependencies.ts";
import { documentId, documentKey, type Kind } from "../../config/documents/document.ts";
import type { Live, LiveDocuments } from "../../config/live-documents.ts";
import { emptyLiveDocuments, settle } from "../../config/settle.ts";
import { validateDocument } from "../../config/validate.ts";
import { contentVersion } from "../protocol/resource.ts";
import { createSnapshotStore, type SnapshotStore } from "../protocol/snapshot.ts";
import { typeUrls } from "../protocol/type-urls.ts";
import { commonResources, objectiveResources, shardResources } from "../resources/build.ts";
import type { Resource } from "../resources/resource.ts";
import { routeObjective } from "../routing/route-objective.ts";
import { audiences } from "./audiences.ts";
import { createResourceChanges } from "./resource-changes.ts";
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
    spec: fc.uniqueArray(fc.constantFrom(...shards), { minLength: 1 }).map((placement) => ({
      versions: [{ version: "1", placement: placement.map((shard) => ({ shard })) }],
    })),
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
  labels: fc.constantFrom([], [{ key: "tier", values: ["gold"] }], [{ key: "tier", values: ["gold", "silver"] }]),
});

/** One thing that happens: documents are published or deleted together, or a node of a group comes. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ puts: fc.array(document, { minLength: 1, maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ deletes: fc.array(document, { minLength: 1, maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ joins: selector }) },
);

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

/** The documents that a selection means, and what those depend on; nothing else. */
function closureOf(live: LiveDocuments, wanted: ViewSelector): LiveDocuments {
  const isWanted = ({ document: { kind, metadata } }: Live<LiveDocument>, name: string) =>
    isSelected(wanted, {
      ...{ kind: kind === "Shard" ? "shard" : "objective", name, namespace: metadata.namespace },
      ...{ labels: metadata.labels ?? {}, uses: new Set() },
    });
  const wantedObjectives = new Map([...live.objectives].filter(([name, each]) => isWanted(each, name)));
  const used = new Set([...wantedObjectives.values()].flatMap(({ document }) => modelsOf(document)));
  const usedModels = new Map([...live.models].filter(([name]) => used.has(name)));
  const needed = new Set([...usedModels.values()].flatMap(({ document }) => shardsOf(document)));
  const wantedShards = new Map([...live.shards].filter(([name, each]) => needed.has(name) || isWanted(each, name)));
  return { ...live, objectives: wantedObjectives, models: usedModels, shards: wantedShards };
}
type LiveDocument = Parameters<typeof documentId>[0];

/** Type and name -> version of everything built from some documents alone, as far as the audience gets it. */
function expected(live: LiveDocuments, { audience }: ViewSelector): Map<string, string> {
  const group = byAudience.find(({ name }) => name === audience);
  const resources = [
    ...[...live.shards].flatMap(([name, { document }]) => shardResources({ name, spec: document.spec })),
    ...[...live.objectives.keys()].flatMap((name) => objectiveResources(routeObjective(live, name))),
  ].filter(({ typeUrl }) => group?.gets(typeUrl));
  return versionsOf([...(group?.common ?? []), ...resources]);
}

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

test("each view has what is built from the documents it selects and their dependencies alone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const store = createSnapshotStore();
      const views = createViews({ store, audiences: byAudience });
      const changes = createResourceChanges({ validate: () => [], now: () => new Date(0) });
      const apply = async (live: LiveDocuments) => views.apply(await changes.update(live), { revision: live.revision });
      let live = emptyLiveDocuments;
      await apply(live);
      for (const each of steps) {
        if ("joins" in each) {
          views.groupFor(each.joins);
          continue;
        }
        live = publish(live, "puts" in each ? each.puts : [], "deletes" in each ? each.deletes : []);
        await apply(live);
        for (const { group, selector: wanted } of views.status()) {
          expect(served(store, group)).toEqual(expected(closureOf(live, wanted), wanted));
        }
      }
      for (const { group, selector: wanted } of views.status()) {
        expect(served(store, group)).toEqual(expected(closureOf(live, wanted), wanted));
        const view = store.view(group);
        expect(view?.revisionAt(view.sequence)).toBe(live.revision);
      }
      views.close();
    }),
    { numRuns: 150 },
  );
});
