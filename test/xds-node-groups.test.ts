import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { documentId, documentKey } from "../config/documents/document.ts";
import { emptyLiveDocuments, settle } from "../config/settle.ts";
import { validateDocument } from "../config/validate.ts";
import { type BootstrapSettings, renderBootstrap } from "../envoy/bootstrap.ts";
import { registry } from "../proto/registry.ts";
import { createSnapshotStore } from "../xds-server/protocol/snapshot.ts";
import { audiences } from "../xds-server/publishing/audiences.ts";
import { createGroupOf, type RefusalReason } from "../xds-server/publishing/group-of.ts";
import { createResourceChanges } from "../xds-server/publishing/resource-changes.ts";
import { createViews } from "../xds-server/publishing/views.ts";
import { commonResources } from "../xds-server/resources/build.ts";
import { createValidator } from "../xds-server/validation/validator.ts";
import { startEnvoy, type TestEnvoy } from "./support/envoy.ts";
import { freePort, freePorts } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { inNamespace, sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import { startXdsServer } from "./support/xds-server.ts";

const slow = 60_000;
const lingerMs = 500;

/** The xds-server's groups on a real socket, with documents that a test publishes. */
async function startGroups() {
  const [port] = (await freePorts(1)) as [number];
  const store = createSnapshotStore();
  const common = commonResources({ address: "127.0.0.1", port, accessLog: "off" });
  const views = createViews({ store, audiences: audiences(common), lingerMs });
  const changes = createResourceChanges({ validate: createValidator(registry), now: () => new Date() });
  const refused: RefusalReason[] = [];
  const { groupOf } = createGroupOf({ views, policy: () => undefined, onRefused: (reason) => refused.push(reason) });
  /** Responses with something in them, by node. */
  const sent = new Map<string, string[]>();
  const server = await startXdsServer({
    store,
    groupOf,
    hooks: {
      onStreamOpen: ({ group }) => views.opened(group),
      onStreamClose: ({ group }) => views.closed(group),
      onResponse: ({ node }, { typeUrl, resources, removed }) => {
        const what = `${typeUrl.slice(typeUrl.lastIndexOf(".") + 1)} +${resources} -${removed}`;
        sent.set(node.id, [...(sent.get(node.id) ?? []), what]);
      },
    },
  });
  let live = emptyLiveDocuments;
  const publish = async (...documents: readonly unknown[]) => {
    const entries = documents.map((given, index) => {
      const validation = validateDocument(given);
      if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
      const value = Buffer.from(JSON.stringify(validation.document));
      const key = documentKey(documentId(validation.document));
      return { key, revision: live.revision + 1 + index, value, at: new Date().toISOString() };
    });
    live = settle(live, entries, new Date());
    expect([...live.rejections.values()]).toEqual([]);
    views.apply(await changes.update(live), { revision: live.revision });
    return live.revision;
  };
  const acknowledged = (nodeId: string) =>
    server.server.nodes().find((node) => node.nodeId === nodeId)?.acknowledgedRevision;
  const stop = async () => {
    await server.stop();
    views.close();
  };
  return { server, views, store, sent, refused, publish, acknowledged, stop };
}

const tenant = (namespace: string, labels: Readonly<Record<string, string>> = {}, retries = 1) => [
  inNamespace(namespace, sampleShard("pool", [9])),
  inNamespace(namespace, sampleModel("ranker", { "1": ["pool"] })),
  inNamespace(namespace, sampleObjective("ranking", "ranker", "1", { policy: { retries } }), labels),
];

let groups: Awaited<ReturnType<typeof startGroups>>;
beforeEach(async () => {
  groups = await startGroups();
});
afterEach(() => groups.stop());

async function envoyForTest(nodeId: string, settings: BootstrapSettings, until: "live" | "ready" = "ready") {
  const adminPort = await freePort();
  const bootstrap = renderBootstrap({ xdsPort: groups.server.port, adminPort, nodeId, ...settings });
  const envoy = await startEnvoy(bootstrap, adminPort, { until, readyTimeoutMs: slow });
  onTestFinished(() => envoy.stop());
  return envoy;
}

/** The names of all that an Envoy got from documents: clusters, endpoints, routes, scopes. */
async function namesIn(envoy: TestEnvoy): Promise<string[]> {
  const dump = await envoy.admin("/config_dump?include_eds");
  const names = [...dump.matchAll(/"(?:name|cluster_name)": "([a-z]+\/[\w/]+)"/g)].map((match) => match[1] ?? "");
  return [...new Set(names)].sort();
}

const namesOf = (namespace: string) => [`${namespace}/pool`, `${namespace}/pool/http1`, `${namespace}/ranking`];

describe("an Envoy that names its namespaces", () => {
  test("has only what is theirs, and is sent nothing when another one changes", async () => {
    await groups.publish(...tenant("a"), ...tenant("b"));
    const [a, b, both] = [
      await envoyForTest("a", { namespaces: ["a"] }),
      await envoyForTest("b", { namespaces: ["b"] }),
      await envoyForTest("all", {}),
    ];
    for (const id of ["a", "b", "all"]) await eventually(`${id} is up to date`, () => groups.acknowledged(id), slow);
    await eventually("routes of a", async () => (await namesIn(a)).includes("a/ranking"), slow);
    expect(await namesIn(a)).toEqual(namesOf("a"));
    expect(await namesIn(b)).toEqual(namesOf("b"));
    expect(await namesIn(both)).toEqual([...namesOf("a"), ...namesOf("b")]);

    const before = [...(groups.sent.get("a") ?? [])];
    const revision = await groups.publish(...tenant("b", {}, 3));
    for (const id of ["a", "b", "all"]) {
      await eventually(`${id} is up to date`, () => groups.acknowledged(id) === revision, slow);
    }
    expect(groups.sent.get("a")).toEqual(before);
    expect(groups.sent.get("b")?.at(-1)).toMatch(/^RouteConfiguration \+1/);
  });

  test("shares the bytes of what others have, and its group goes when it does", async () => {
    await groups.publish(...tenant("a"), ...tenant("b"));
    const envoy = await envoyForTest("a", { namespaces: ["a"] });
    const another = await envoyForTest("a-too", { namespaces: ["a", "a"] });
    const names = () => groups.views.status().map(({ group }) => group);
    expect(names()).toEqual(["envoys", "grpc-clients", "envoys namespaces=a"]);
    const routes = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
    const bytesIn = (group: string) => groups.store.view(group)?.type(routes).get("a/ranking")?.delta;
    expect(bytesIn("envoys namespaces=a")).toBe(bytesIn("envoys"));
    await envoy.stop();
    await another.stop();
    await eventually("the group is gone", () => names().length === 2, slow);
  });

  test("that is refused for its metadata is told why, in its own log too", async () => {
    await groups.publish(...tenant("a"));
    const adminPort = await freePort();
    const bootstrap = renderBootstrap({ xdsPort: groups.server.port, adminPort, nodeId: "wrong", namespaces: ["A"] });
    const envoy = await startEnvoy(bootstrap, adminPort, { until: "live" });
    onTestFinished(() => envoy.stop());
    const reason =
      'metadata key "signalbox.dev/namespaces" must be a list of 1 to 256 namespaces such as [team-a, team-b]; found the string "A"';
    // Envoy writes the message as it came, percent-encoded.
    await eventually("its log", () => envoy.output().includes(encodeURI(reason)), slow);
    expect(groups.refused).toContain("bad_metadata");
    expect(groups.server.logs.some(({ fields }) => JSON.stringify(fields).includes("found the string"))).toBe(true);
  });
});

describe("an Envoy that says where it is, or what it is for", () => {
  test("has the documents of its region, those of none, and no others; labels select", async () => {
    await groups.publish(
      ...tenant("a", { "signalbox.dev/regions": "eu-west-1, us-east-1", tier: "gold" }),
      ...tenant("b", { "signalbox.dev/regions": "us-east-1" }),
      ...tenant("c", { tier: "gold" }),
    );
    const europe = await envoyForTest("europe", { region: "eu-west-1" });
    const gold = await envoyForTest("gold", { region: "us-east-1", labels: { tier: "gold" } });
    const objectives = async (envoy: TestEnvoy) => (await namesIn(envoy)).filter((name) => name.endsWith("/ranking"));
    await eventually("europe", async () => (await objectives(europe)).length === 2, slow);
    await eventually("gold", async () => (await objectives(gold)).length === 2, slow);
    expect(await objectives(europe)).toEqual(["a/ranking", "c/ranking"]);
    expect(await objectives(gold)).toEqual(["a/ranking", "c/ranking"]);
    // A shard has no label here: it is there because an objective needs it.
    expect((await namesIn(gold)).filter((name) => name.endsWith("/pool"))).toEqual(["a/pool", "c/pool"]);

    const revision = await groups.publish(...tenant("c", { tier: "silver" }));
    await eventually("gold is up to date", () => groups.acknowledged("gold") === revision, slow);
    await eventually(
      "what is no longer gold goes",
      async () => (await namesIn(gold)).join() === namesOf("a").join(),
      slow,
    );
  });
});
