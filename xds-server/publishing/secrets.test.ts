import { describe, expect, test } from "vitest";
import { createSnapshotStore } from "../protocol/snapshot.ts";
import { typeUrls } from "../protocol/type-urls.ts";
import type { Secret } from "../secrets/secret.ts";
import { model, objective, publish, type Sample, shard } from "../testing/live-documents.ts";
import { audiences } from "./audiences.ts";
import { createResourceChanges } from "./resource-changes.ts";
import { everything } from "./view-selector.ts";
import { createViews } from "./views.ts";

const secret = (text: string): Secret => {
  const content = Buffer.from(text);
  return { client: { certificate: content, key: content }, ca: content, version: text };
};

/** Secrets that a test has, and the node groups over documents that name them. */
function setUp(known: Readonly<Record<string, Secret>> = {}) {
  const secrets = new Map(Object.entries(known));
  const store = createSnapshotStore();
  const views = createViews({ store, audiences: audiences([]) });
  const changes = createResourceChanges({ validate: () => [], now: () => new Date(0), secrets });
  const names = (group: string, typeUrl: string) =>
    [...(store.view(group)?.type(typeUrl).all() ?? [])].map(({ name }) => name).sort();
  return {
    ...{ store, views, changes },
    secretsIn: (group: string) => names(group, typeUrls.secret),
    clustersIn: (group: string) => names(group, typeUrls.cluster),
    versionOf: (typeUrl: string, name: string) => store.view("envoys")?.type(typeUrl).get(name)?.version,
    apply: async (live: ReturnType<typeof publish>) =>
      views.apply(await changes.update(live), { revision: live.revision }),
    put: (name: string, value: Secret) => {
      secrets.set(name, value);
      changes.secretsChanged(new Set([name]));
    },
  };
}

const secure = (name: string, tls: object): Sample => [
  "Shard",
  name,
  { endpoints: [{ address: "10.0.0.7", port: 8443 }], tls },
];
const both = { caSecret: "models", clientSecret: "models" };
const problem = "secret default/models (tls.crt, tls.key) is not among the secrets of this xds-server";

describe("the secrets of a shard", () => {
  test("are in the node groups that have the shard, and in no other", async () => {
    const { views, secretsIn, apply } = setUp({ "default/models": secret("one") });
    await apply(publish([secure("gpu-a", both), shard("gpu-b")]));
    const own = views.groupFor({ ...everything("envoys"), namespaces: ["default"] }) ?? "";
    const foreign = views.groupFor({ ...everything("envoys"), namespaces: ["other"] }) ?? "";
    expect(secretsIn("envoys")).toEqual(["default/gpu-a/ca", "default/gpu-a/client"]);
    expect(secretsIn(own)).toEqual(secretsIn("envoys"));
    expect([secretsIn(foreign), secretsIn("grpc-clients")]).toEqual([[], []]);
    views.close();
  });

  test("are those of its own namespace", async () => {
    const { secretsIn, changes, apply } = setUp({ "other/models": secret("foreign") });
    await apply(publish([secure("gpu-a", both)]));
    expect(secretsIn("envoys")).toEqual([]);
    expect(changes.refusals().map(({ key }) => key)).toEqual(["shard.default.gpu-a"]);
  });

  test("are sent anew when their content changes, without the cluster", async () => {
    const { put, apply, versionOf, secretsIn } = setUp({ "default/models": secret("one") });
    const live = publish([secure("gpu-a", both), secure("gpu-b", { caSecret: "models" })]);
    await apply(live);
    const before = [versionOf(typeUrls.secret, "default/gpu-a/client"), versionOf(typeUrls.cluster, "default/gpu-a")];
    put("default/models", secret("two"));
    expect(await apply(live)).toBe(3);
    const after = [versionOf(typeUrls.secret, "default/gpu-a/client"), versionOf(typeUrls.cluster, "default/gpu-a")];
    expect([after[0] === before[0], after[1] === before[1]]).toEqual([false, true]);
    expect(secretsIn("envoys")).toHaveLength(3);
  });

  test("go with it, and when it no longer names them", async () => {
    const { apply, secretsIn } = setUp({ "default/models": secret("one") });
    const first = publish([secure("gpu-a", both), secure("gpu-b", both)]);
    await apply(first);
    const second = publish([secure("gpu-a", { caSecret: "models" }), ["Shard", "gpu-b", null]], first);
    await apply(second);
    expect(secretsIn("envoys")).toEqual(["default/gpu-a/ca"]);
  });
});

describe("a shard whose secret is missing", () => {
  const routed: readonly Sample[] = [model("ranker", { "7": ["gpu-a"] }), objective("ranking", "ranker", "7")];

  test("is held back with its objectives, which say why, and taken when the secret comes", async () => {
    const { put, apply, changes, clustersIn } = setUp();
    const first = publish([shard("gpu-b")]);
    await apply(first);
    const live = publish([secure("gpu-a", both), ...routed], first);
    await apply(live);
    expect(clustersIn("envoys")).toEqual(["default/gpu-b"]);
    expect(changes.refusals()[0]?.problems[0]).toMatchObject({ path: "spec.tls", message: problem });
    expect(changes.held()).toMatchObject([{ objective: "default/ranking", reason: problem }]);
    put("default/models", secret("one"));
    await apply(live);
    expect(clustersIn("envoys")).toEqual(["default/gpu-a", "default/gpu-b"]);
    expect([changes.refusals(), changes.held()]).toEqual([[], []]);
  });

  test("keeps the form that it had before it named the secret", async () => {
    const { apply, versionOf } = setUp();
    const first = publish([secure("gpu-a", { caFile: "/ca.pem" }), ...routed]);
    await apply(first);
    const before = versionOf(typeUrls.cluster, "default/gpu-a");
    await apply(publish([secure("gpu-a", both)], first));
    expect(versionOf(typeUrls.cluster, "default/gpu-a")).toBe(before);
  });

  test("is served at the start, as what Envoys that have the secret already use, and shown as refused", async () => {
    const { apply, changes, clustersIn, secretsIn } = setUp();
    await apply(publish([secure("gpu-a", both), ...routed]));
    expect([clustersIn("envoys"), secretsIn("envoys")]).toEqual([["default/gpu-a"], []]);
    expect(changes.refusals().map(({ key }) => key)).toEqual(["shard.default.gpu-a"]);
    expect(changes.held()).toEqual([]);
  });
});
