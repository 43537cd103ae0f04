import { describe, expect, test } from "vitest";
import { model, objective, publish, shard } from "../testing/live-documents.ts";
import { clustersOf } from "./clusters-of.ts";
import { routeDocuments } from "./route-documents.ts";
import { routeObjective } from "./route-objective.ts";

const shards = [
  shard("gpu-a"),
  shard("gpu-b"),
  ["Shard", "grpc", { protocol: "grpc", endpoints: [{ address: "10.0.0.9", port: 1 }] }],
] as const;

describe("the routes of an objective", () => {
  test("have a key for every version of every model that it names, in order, and for no other model", () => {
    const live = publish([
      ...shards,
      model("ranker", { "7": ["gpu-a"], "10": ["gpu-a"] }),
      model("baseline", { "1": ["gpu-b"] }),
      model("unused", { "1": ["gpu-b"] }),
      objective("ranking", "ranker", "7", {
        rules: [{ name: "old", when: { device: "old" }, serve: { model: "baseline", version: "1" } }],
      }),
    ]);
    const { versions } = routeObjective(live, "default/ranking");
    expect(versions.map(({ routingKey }) => routingKey)).toEqual([
      "default/ranking/baseline@1",
      "default/ranking/ranker@10",
      "default/ranking/ranker@7",
    ]);
  });

  test("have keys for the models of an experiment's arms too, in its objectives only, as long as it is there", () => {
    const arms = { control: { model: "ranker", version: "7" }, treatment: { model: "tried", version: "1" } };
    const targets = [{ objective: "ranking", arms }];
    const live = publish([
      ...shards,
      model("ranker", { "7": ["gpu-a"] }),
      model("tried", { "1": ["gpu-b"] }),
      objective("ranking", "ranker", "7"),
      objective("search", "ranker", "7"),
      ["Experiment", "exp", { arms: [{ name: "control" }, { name: "treatment" }], targets }],
    ]);
    const keys = (documents: typeof live, name: string) =>
      routeObjective(documents, `default/${name}`).versions.map(({ routingKey }) => routingKey);
    expect(keys(live, "ranking")).toEqual(["default/ranking/ranker@7", "default/ranking/tried@1"]);
    expect(keys(live, "search")).toEqual(["default/search/ranker@7"]);
    const ended = publish([["Experiment", "exp", null]], live);
    expect(keys(ended, "ranking")).toEqual(["default/ranking/ranker@7"]);
  });

  test("carry the highest revision of what the objective depends on", () => {
    const first = publish([...shards, model("ranker", { "7": ["gpu-a"] }), objective("ranking", "ranker", "7")]);
    expect(routeObjective(first, "default/ranking").revision).toBe(5);
    const moved = publish([shard("gpu-a", 9090)], first);
    expect(routeObjective(moved, "default/ranking").revision).toBe(6);
    const unrelated = publish([shard("gpu-b", 9090)], moved);
    expect(routeObjective(unrelated, "default/ranking").revision).toBe(6);
  });

  test("fall back to the default, or to nothing when unknown keys are rejected", () => {
    const live = publish([
      ...shards,
      model("ranker", { "7": ["gpu-a"], "8": ["gpu-b"] }),
      objective("kind", "ranker", "8"),
      objective("strict", "ranker", "8", { policy: { onUnknownKey: "reject" } }),
    ]);
    expect(routeObjective(live, "default/kind").fallback?.routingKey).toBe("default/kind/ranker@8");
    expect(routeObjective(live, "default/strict").fallback).toBeNull();
  });

  test("copy requests to shadows, never to the version that answers, never between gRPC and HTTP", () => {
    const live = publish([
      ...shards,
      model("ranker", { "7": ["gpu-a"], "8": ["gpu-b"], grpc: ["grpc"] }),
      objective("ranking", "ranker", "7", {
        shadow: [
          { model: "ranker", version: "8", percent: 12.5 },
          { model: "ranker", version: "grpc", percent: 100 },
        ],
      }),
    ]);
    const { versions } = routeObjective(live, "default/ranking");
    const shadowsOf = Object.fromEntries(versions.map((version) => [version.model, version.shadows]));
    expect(shadowsOf["ranker@7"]).toEqual([
      {
        routingKey: "default/ranking/ranker@8",
        percent: 12.5,
        runtimeKey: "signalbox.shadow.default.ranking.ranker@8",
      },
    ]);
    expect(shadowsOf["ranker@8"]).toEqual([]);
    expect(shadowsOf["ranker@grpc"]).toEqual([]);
  });

  test("name their clusters, and the runtime key of each placement", () => {
    const live = publish([
      ...shards,
      model("ranker", { "7": ["gpu-a", "gpu-b"] }),
      objective("ranking", "ranker", "7"),
    ]);
    const routes = routeObjective(live, "default/ranking");
    expect(clustersOf(routes)).toEqual(new Set(["default/gpu-a", "default/gpu-b"]));
    expect(routes.versions[0]?.placementRuntimeKey).toBe("signalbox.placement.default.ranker@7");
  });

  test("cannot be made of an objective that is not live", () => {
    expect(() => routeObjective(publish([]), "default/nope")).toThrow("objective default/nope is not among");
  });
});

test("the routing table has every shard and every objective", () => {
  const live = publish([...shards, model("ranker", { "7": ["gpu-a"] }), objective("ranking", "ranker", "7")]);
  const table = routeDocuments(live);
  expect([...table.shards.keys()]).toEqual(["default/gpu-a", "default/gpu-b", "default/grpc"]);
  expect([...table.objectives.keys()]).toEqual(["default/ranking"]);
});
