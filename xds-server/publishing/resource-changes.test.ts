import { describe, expect, test } from "vitest";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { model, objective, publish, type Sample, shard } from "../testing/live-documents.ts";
import type { Validate } from "../validation/validator.ts";
import { createResourceChanges, type ResourceChanges } from "./resource-changes.ts";
import { createRetainedKeys } from "./retained-keys.ts";

const start: readonly Sample[] = [
  shard("gpu-a"),
  shard("gpu-b"),
  model("ranker", { "7": ["gpu-a"], "8": ["gpu-b"] }),
  model("other", { "1": ["gpu-b"] }),
  objective("ranking", "ranker", "7"),
  objective("search", "other", "1"),
];

const valid: Validate = () => [];
const create = (validate: Validate = valid) => createResourceChanges({ validate, now: () => new Date(0) });

/** The changes as words: `+Cluster default/gpu-a`, `-RouteConfiguration default/ranking`. */
async function changed(changes: ResourceChanges, live: LiveDocuments): Promise<string[]> {
  const made = await changes.update(live);
  return made
    .map(({ typeUrl, name, resource }) => `${resource ? "+" : "-"}${typeUrl.split(".").at(-1)} ${name}`)
    .sort();
}

describe("the changes for Envoy", () => {
  test("are everything at first, and nothing when nothing changed", async () => {
    const changes = create();
    const live = publish(start);
    expect(await changed(changes, live)).toEqual([
      "+Cluster default/gpu-a",
      "+Cluster default/gpu-b",
      "+ClusterLoadAssignment default/gpu-a/http1",
      "+ClusterLoadAssignment default/gpu-b/http1",
      "+RouteConfiguration default/ranking",
      "+RouteConfiguration default/search",
      "+ScopedRouteConfiguration default/ranking",
      "+ScopedRouteConfiguration default/search",
    ]);
    expect(await changed(changes, live)).toEqual([]);
  });

  test("of one objective leave the others alone", async () => {
    const changes = create();
    const first = publish(start);
    await changes.update(first);
    const second = publish([objective("ranking", "ranker", "8")], first);
    expect(await changed(changes, second)).toEqual([
      "+RouteConfiguration default/ranking",
      "+ScopedRouteConfiguration default/ranking",
    ]);
  });

  test("of a model or a shard reach the objectives that depend on it", async () => {
    const changes = create();
    const first = publish(start);
    await changes.update(first);
    const second = publish([model("other", { "1": ["gpu-b"], "2": ["gpu-b"] })], first);
    expect(await changed(changes, second)).toContain("+RouteConfiguration default/search");
    const third = publish([shard("gpu-a", 9090)], second);
    expect(await changed(changes, third)).toEqual([
      "+Cluster default/gpu-a",
      "+ClusterLoadAssignment default/gpu-a/http1",
      "+RouteConfiguration default/ranking",
      "+ScopedRouteConfiguration default/ranking",
    ]);
  });

  test("of how a shard's hosts are spoken to give its endpoints another name", async () => {
    const changes = create();
    const first = publish(start);
    await changes.update(first);
    const spec = { protocol: "http2", endpoints: [{ address: "10.0.0.1", port: 8081 }] };
    const made = await changes.update(publish([["Shard", "gpu-a", spec]], first));
    const endpoints = made.filter(({ typeUrl }) => typeUrl.endsWith(".ClusterLoadAssignment"));
    expect(endpoints.map(({ name, resource }) => [name, resource !== null])).toEqual([
      ["default/gpu-a/http2", true],
      ["default/gpu-a/http1", false],
    ]);
    expect(made.find(({ name }) => name === "default/gpu-a")?.resource?.endpointsName).toBe("default/gpu-a/http2");
  });

  test("take away what is deleted, and the endpoints of a shard that becomes a DNS name", async () => {
    const changes = create();
    const first = publish(start);
    await changes.update(first);
    const dns: Sample = ["Shard", "gpu-b", { dns: { hostname: "models.example.com", port: 80 } }];
    expect(await changed(changes, publish([dns], first))).toContain("-ClusterLoadAssignment default/gpu-b/http1");
    const without = publish(
      [
        ["Objective", "ranking", null],
        ["Model", "ranker", null],
        ["Shard", "gpu-a", null],
      ],
      first,
    );
    expect(await changed(changes, without)).toEqual(
      expect.arrayContaining([
        "-Cluster default/gpu-a",
        "-ClusterLoadAssignment default/gpu-a/http1",
        "-RouteConfiguration default/ranking",
        "-ScopedRouteConfiguration default/ranking",
      ]),
    );
  });
});

test("an objective goes to a new shard with nothing but its routes, once that is ready and taken by the Envoys", async () => {
  let [isReady, isTaken] = [false, false];
  const changes = createResourceChanges({
    validate: valid,
    now: () => new Date(0),
    readiness: {
      of: () => ({ some: isReady, all: isReady, reason: "503" }),
      keepOnly: () => undefined,
      stop: () => undefined,
    },
    acceptance: {
      added: () => undefined,
      obstacle: () => (isTaken ? null : "on the way"),
      keepOnly: () => undefined,
    },
  });
  const first = publish(start);
  await changes.update(first);
  const endpoints = [{ address: "10.0.0.9", port: 80 }];
  const checked: Sample = ["Shard", "gpu-c", { endpoints, healthCheck: { path: "/ready" } }];
  const moved = publish([checked, model("ranker", { "7": ["gpu-c"] })], first);
  expect(await changed(changes, moved)).toEqual([
    "+Cluster default/gpu-c",
    "+ClusterLoadAssignment default/gpu-c/http1",
  ]);
  isTaken = true;
  changes.shardChanged("default/gpu-c");
  expect(await changed(changes, moved)).toEqual([]);
  isReady = true;
  changes.shardChanged("default/gpu-c");
  // With another form of its endpoints, Envoy would wait for the first round of health checks.
  expect(await changed(changes, moved)).toEqual([
    "+RouteConfiguration default/ranking",
    "+ScopedRouteConfiguration default/ranking",
  ]);
});

describe("a document whose resources Envoy would refuse", () => {
  /** Refuses the resources of one type while it is told to. */
  function fussy(type: string, name: string) {
    const state = { refuses: true };
    const validate: Validate = (message) => {
      const isIt = message.$typeName.endsWith(`.${type}`) && (message as { name?: string }).name === name;
      return state.refuses && isIt
        ? [{ path: "connect_timeout", rule: "duration.gt", message: "must be more than 0s" }]
        : [];
    };
    return { state, validate };
  }

  test("is reported with the path in the proto, and everything else goes on", async () => {
    const { validate } = fussy("RouteConfiguration", "default/ranking");
    const changes = create(validate);
    const made = await changed(changes, publish(start));
    expect(made).not.toContain("+RouteConfiguration default/ranking");
    expect(made).not.toContain("+ScopedRouteConfiguration default/ranking");
    expect(made).toContain("+RouteConfiguration default/search");
    expect(changes.refusals()).toEqual([
      {
        key: "objective.default.ranking",
        revision: 5,
        at: "1970-01-01T00:00:00.000Z",
        problems: [
          {
            document: "Objective default/ranking",
            path: "RouteConfiguration default/ranking: connect_timeout",
            message: "must be more than 0s (duration.gt); its last good resources stay in Envoy",
          },
        ],
      },
    ]);
  });

  test("keeps its last good resources, and is taken when a later revision is good", async () => {
    const { state, validate } = fussy("RouteConfiguration", "default/ranking");
    state.refuses = false;
    const changes = create(validate);
    const first = publish(start);
    await changes.update(first);
    state.refuses = true;
    const second = publish([objective("ranking", "ranker", "8")], first);
    expect(await changed(changes, second)).toEqual([]);
    state.refuses = false;
    const third = publish([objective("ranking", "ranker", "7")], second);
    expect(await changed(changes, third)).toContain("+RouteConfiguration default/ranking");
    expect(changes.refusals()).toEqual([]);
  });

  test("holds back the objectives that need a shard that was never good", async () => {
    const { state, validate } = fussy("Cluster", "default/gpu-a");
    const changes = create(validate);
    const first = publish(start);
    expect(await changed(changes, first)).not.toContain("+RouteConfiguration default/ranking");
    expect(changes.refusals().map(({ key }) => key)).toEqual(["shard.default.gpu-a", "objective.default.ranking"]);
    state.refuses = false;
    expect(await changed(changes, publish([shard("gpu-a", 9090)], first))).toContain(
      "+RouteConfiguration default/ranking",
    );
    expect(changes.refusals()).toEqual([]);
  });

  test("keeps the clusters that its last good routes use, also when their shard is deleted", async () => {
    const { state, validate } = fussy("RouteConfiguration", "default/ranking");
    state.refuses = false;
    const changes = create(validate);
    const first = publish(start);
    await changes.update(first);
    state.refuses = true;
    const second = publish([model("ranker", { "7": ["gpu-b"] }), ["Shard", "gpu-a", null]], first);
    expect(await changed(changes, second)).toEqual([]);
    state.refuses = false;
    const third = publish([objective("ranking", "ranker", "7", { policy: { retries: 2 } })], second);
    expect(await changed(changes, third)).toEqual([
      "+RouteConfiguration default/ranking",
      "+ScopedRouteConfiguration default/ranking",
      "-Cluster default/gpu-a",
      "-ClusterLoadAssignment default/gpu-a/http1",
    ]);
  });

  test("of what changed while no process was there leave its old routes, with the shards that they lead to", async () => {
    const before = publish(start);
    const live = publish(
      [
        model("ranker", { "8": ["gpu-b"] }),
        objective("ranking", "ranker", "8"),
        ["Objective", "search", null],
        ["Shard", "gpu-a", null],
      ],
      before,
    );
    const retained = createRetainedKeys({ graceMs: 0, now: () => 0 });
    const deps = { validate: valid, now: () => new Date(0), retained, takeServedBefore: () => before };
    expect(await changed(createResourceChanges(deps), live)).toEqual([
      "+Cluster default/gpu-a",
      "+Cluster default/gpu-b",
      "+ClusterLoadAssignment default/gpu-a/http1",
      "+ClusterLoadAssignment default/gpu-b/http1",
      "+RouteConfiguration default/ranking",
      "+RouteConfiguration default/search",
      "+ScopedRouteConfiguration default/ranking",
      "+ScopedRouteConfiguration default/search",
    ]);
    const keys = [...retained.all()].map(([name, kept]) => [name, kept.map(({ route }) => route.routingKey)]);
    expect(Object.fromEntries(keys)).toEqual({
      "default/ranking": ["default/ranking/ranker@7"],
      "default/search": ["default/search/other@1"],
    });
  });

  test("of a restart leave out old routes whose shard is gone for good, and objectives that are refused", async () => {
    const before = publish(start);
    const former = createRetainedKeys({ graceMs: 0, now: () => 0 });
    const deps = { validate: valid, now: () => new Date(0), retained: former };
    const changes = createResourceChanges(deps);
    await changes.update(before);
    const moved = publish([objective("ranking", "ranker", "8"), model("ranker", { "8": ["gpu-b"] })], before);
    await changes.update(moved);
    const withoutShard = publish([["Shard", "gpu-a", null]], moved);
    expect(former.of("default/ranking").map(({ routingKey }) => routingKey)).toEqual(["default/ranking/ranker@7"]);
    const next = createResourceChanges({ ...deps, takeServedBefore: () => withoutShard });
    const served = (await next.update(withoutShard)).map(({ name, resource }) => [
      name,
      resource && "bytes" in resource ? Buffer.from(resource.bytes).includes("default/gpu-a") : null,
    ]);
    expect(served).toContainEqual(["default/ranking", false]);
    expect(served).not.toContainEqual(["default/ranking", true]);
    const refusing: Validate = ({ $typeName }) =>
      $typeName.endsWith(".RouteConfiguration") ? [{ path: "name", rule: "", message: "bad" }] : [];
    const refused = createResourceChanges({ ...deps, validate: refusing, takeServedBefore: () => before });
    expect(await changed(refused, moved)).not.toContain("+RouteConfiguration default/ranking");
    expect(refused.usersOf("default/gpu-b")).toEqual([]);
  });
});
