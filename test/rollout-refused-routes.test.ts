import { create, fromBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RouteConfigurationSchema } from "../proto/gen/envoy/config/route/v3/route_pb.js";
import { ScopedRouteConfigurationSchema } from "../proto/gen/envoy/config/route/v3/scoped_route_pb.js";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { setHeaderFormat } from "../xds-server/resources/proto.ts";
import { type MovingWorld, startMovingWorld } from "./support/moving-world.ts";
import { eventually } from "./support/processes.ts";
import { publishDocuments } from "./support/publish.ts";
import { resolveAt } from "./support/resolver-client.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";
import type { Alter } from "./support/xds-relay.ts";

/** No valid document makes routes or scopes that Envoy refuses, so they are spoilt on their way to it. */
const spoilt = new Map<string, Alter>();
let world: MovingWorld;

beforeAll(async () => {
  world = await startMovingWorld({}, { alter: (name, resource) => spoilt.get(name)?.(name, resource) });
});

afterAll(() => world?.stop());

/** Routes with a header in a format that Envoy does not know. */
const withUnknownFormat: Alter = (_, { typeUrl, value }) => {
  if (typeUrl !== typeUrls.route) return undefined;
  const routes = fromBinary(RouteConfigurationSchema, value);
  routes.requestHeadersToAdd.push(setHeaderFormat("x-spoilt", "%NO_SUCH_FORMAT%"));
  return anyPack(RouteConfigurationSchema, routes);
};

/** A scope with a key that Envoy has in another scope. */
const withKeyOfBystander: Alter = (name, { typeUrl }) => {
  if (typeUrl !== typeUrls.scopedRoute) return undefined;
  const fragments = ["default", "bystander"].map((value) => ({ type: { case: "stringKey" as const, value } }));
  const scope = { name, routeConfigurationName: name, key: { fragments } };
  return anyPack(ScopedRouteConfigurationSchema, create(ScopedRouteConfigurationSchema, scope));
};

const revisionOf = async (objective: string) => (await resolveAt(world.system.resolverUrl, objective)).revision;

async function refusedResources(): Promise<readonly string[]> {
  const status = (await (await fetch(`${world.system.xdsUrl}/v1/status`)).json()) as {
    envoys: { nacks: { typeUrl: string; resourceNames: string[] }[] }[];
  };
  return status.envoys.flatMap(({ nacks }) =>
    nacks.flatMap(({ typeUrl, resourceNames }) => resourceNames.map((name) => `${typeUrl} ${name}`)),
  );
}

test("routes that Envoy refuses hold their objective back, with the reason, and nobody else", async () => {
  const { system, good, load } = world;
  const before = await revisionOf("moving");
  spoilt.set("default/moving", withUnknownFormat);
  await publishDocuments(system.natsUrl, [sampleShard("better", [good.http1Port])]);
  await world.moveTo("better");
  await eventually("it is held back, with the reason", async () =>
    (await world.heldReasons())["default/moving"]?.includes("NO_SUCH_FORMAT"),
  );
  expect(await refusedResources()).toEqual([`${typeUrls.route} default/moving`]);
  await world.changeBystander();
  expect(Object.keys(await world.heldReasons())).toEqual(["default/moving"]);
  expect(await revisionOf("moving")).toBe(before);
  await load.untilSucceeded(100);
  expect([...load.byShard.keys()]).toEqual(["default/good"]);

  spoilt.clear();
  const policy = { retries: 0, timeoutMs: 4000 };
  const corrected = await publishDocuments(system.natsUrl, [sampleObjective("moving", "moving", "1", { policy })]);
  await eventually("it is live", async () => (await revisionOf("moving")) === corrected);
  expect(await world.heldReasons()).toEqual({});
  await load.untilSucceeded(100);
  expect(load.byShard.get("default/better")).toBeGreaterThan(0);
  expect(load.failures).toEqual([]);
});

test("a scope that Envoy refuses holds its new objective back, with the reason, and nobody else", async () => {
  const { system, load } = world;
  spoilt.set("default/newcomer", withKeyOfBystander);
  await publishDocuments(system.natsUrl, [
    sampleModel("newcomer", { "1": ["good"] }),
    sampleObjective("newcomer", "newcomer", "1"),
  ]);
  await eventually("it is held back, with the reason", async () =>
    (await world.heldReasons())["default/newcomer"]?.includes("scope key"),
  );
  expect(await refusedResources()).toEqual([`${typeUrls.scopedRoute} default/newcomer`]);
  await world.changeBystander();
  expect(Object.keys(await world.heldReasons())).toEqual(["default/newcomer"]);
  expect(await revisionOf("newcomer")).toBe(undefined);

  spoilt.clear();
  const policy = { loading: "lazy" } as const;
  const corrected = await publishDocuments(system.natsUrl, [sampleObjective("newcomer", "newcomer", "1", { policy })]);
  await eventually("it is live", async () => (await revisionOf("newcomer")) === corrected);
  expect(await world.heldReasons()).toEqual({});
  await load.untilSucceeded(100);
  expect(load.failures).toEqual([]);
});
