import { expect, test } from "vitest";
import { revisionState } from "./revision-state.ts";
import { sampleEnvoy, sampleHeld, sampleStatus } from "./testing.ts";

const server = (id: string, watermark: number, more = {}) =>
  sampleStatus("xds-server", id, watermark, { envoys: [sampleEnvoy(`envoy-of-${id}`, watermark)], ...more });
const resolver = (id: string, watermark: number, more = {}) => sampleStatus("resolver", id, watermark, more);

test("a revision is live when every resolver and every xds-server has it in use", () => {
  const state = revisionState([server("x1", 7), server("x2", 8), resolver("r1", 7)], { revision: 7 });
  expect(state).toEqual({
    revision: 7,
    state: "live",
    resolvers: { live: 1, of: 1 },
    envoys: { live: 2, of: 2 },
    reasons: [],
  });
});

test("a revision is pending while a process is behind, which is named", () => {
  const state = revisionState([server("x1", 7), resolver("r1", 7), resolver("r2", 6)], { revision: 7 });
  expect(state).toMatchObject({ state: "pending", resolvers: { live: 1, of: 2 }, envoys: { live: 1, of: 1 } });
  expect(state.reasons).toMatchObject([{ process: "resolver", id: "r2", kind: "behind" }]);
});

test("a revision is pending while there is no resolver, or no xds-server", () => {
  expect(revisionState([], { revision: 7 }).state).toBe("pending");
  expect(revisionState([server("x1", 7)], { revision: 7 }).state).toBe("pending");
  expect(revisionState([resolver("r1", 7)], { revision: 7 }).state).toBe("pending");
});

test("a revision that was refused is rejected, with the reason and who refused it", () => {
  const rejections = [
    {
      key: "shard.default.a",
      revision: 7,
      problems: [{ document: "Shard default/a", path: "spec", message: "bad" }],
      at: "",
    },
  ];
  const statuses = [server("x1", 7, { rejections }), resolver("r1", 7)];
  const state = revisionState(statuses, { revision: 8, from: 7, keys: new Set(["shard.default.a"]) });
  expect(state).toMatchObject({
    state: "rejected",
    reasons: [{ subject: "shard.default.a", text: "spec: bad" }, {}, {}, {}],
  });
  expect(revisionState(statuses, { revision: 7, keys: new Set(["shard.default.b"]) }).state).toBe("live");
});

test("a document whose resources an Envoy refuses is rejected by that Envoy; another document is not", () => {
  const nacks = [{ typeUrl: "t", resourceNames: ["default/a"], message: "no such file", at: "" }];
  const envoys = [sampleEnvoy("e1", 6, { nacks }), sampleEnvoy("e2", 7)];
  const statuses = [server("x1", 7, { envoys }), resolver("r1", 7)];
  expect(revisionState(statuses, { revision: 7, keys: new Set(["shard.default.a"]) })).toMatchObject({
    state: "rejected",
    envoys: { live: 1, of: 2 },
    reasons: [{ process: "envoy", id: "e1", kind: "rejected", subject: "shard.default.a", text: "no such file" }],
  });
  expect(revisionState(statuses, { revision: 7, keys: new Set(["shard.default.b"]) }).state).toBe("live");
});

test("a revision that waits for a pin is held, not rejected", () => {
  const problems = [{ document: "Objective default/a", path: "", message: "is held by Pin default/a" }];
  const rejections = [{ key: "objective.default.a", revision: 7, problems, at: "", heldBy: "pin.default.a" }];
  const statuses = [server("x1", 7, { rejections }), resolver("r1", 7, { rejections })];
  expect(revisionState(statuses, { revision: 7 })).toMatchObject({
    state: "held",
    reasons: [{ kind: "held", subject: "objective.default.a" }, { kind: "held" }],
  });
});

test("a revision is held when an objective that it touches is kept on its former revision", () => {
  const held = [sampleHeld("default/slow", 5, 7)];
  const statuses = [server("x1", 9, { held }), resolver("r1", 9, { held })];
  expect(revisionState(statuses, { revision: 7 })).toMatchObject({
    state: "held",
    resolvers: { live: 0, of: 1 },
    envoys: { live: 0, of: 1 },
    reasons: [{ process: "xds-server", subject: "default/slow" }, { process: "resolver" }],
  });
  expect(revisionState(statuses, { revision: 9 }).state).toBe("live");
  expect(revisionState(statuses, { revision: 5 }).state).toBe("live");
  expect(revisionState(statuses, { revision: 7, objectives: new Set(["default/fine"]) }).state).toBe("live");
});

test("an Envoy that has not caught up, or does not answer, is not waited for", () => {
  const envoys = [sampleEnvoy("e1", 7), sampleEnvoy("e2", 0, { counts: false })];
  expect(revisionState([server("x1", 7, { envoys }), resolver("r1", 7)], { revision: 7 }).state).toBe("live");
});

test("an xds-server that ends counts until its Envoys are seen on another one", () => {
  const leaving = server("x1", 6, { leaving: true, envoys: [sampleEnvoy("e1", 6)] });
  const other = (envoys: object[]) => server("x2", 7, { envoys });
  expect(revisionState([leaving, other([]), resolver("r1", 7)], { revision: 7 }).state).toBe("pending");
  expect(revisionState([leaving, other([sampleEnvoy("e1", 7)]), resolver("r1", 7)], { revision: 7 }).state).toBe(
    "live",
  );
});

test("of the resolvers only those of some groups are asked, and there may be none", () => {
  const statuses = [server("x1", 7), resolver("r1", 6), { ...resolver("r2", 7), group: "canary" }];
  const of = (...groups: string[]) => revisionState(statuses, { revision: 7, resolverGroups: new Set(groups) });
  expect(of("canary")).toMatchObject({ state: "live", resolvers: { live: 1, of: 1 } });
  expect(of("edge")).toMatchObject({ state: "live", resolvers: { live: 0, of: 0 } });
  expect(revisionState(statuses, { revision: 7 })).toMatchObject({ state: "pending", resolvers: { live: 1, of: 2 } });
});
