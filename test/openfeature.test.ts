import { OpenFeature, ProviderEvents } from "@openfeature/server-sdk";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createSignalbox, type Signalbox } from "../client/index.ts";
import { createSignalboxProvider } from "../client/openfeature.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";
import { publish, type ResolverWorld, rankingObjective, startResolverWorld } from "./support/resolver.ts";

let world: ResolverWorld;

beforeAll(async () => {
  world = await startResolverWorld();
});

afterAll(() => world.stop());

describe.each(["remote", "local"] as const)("the OpenFeature provider over a client in %s mode", (mode) => {
  const makeClient = (): Signalbox => {
    const where =
      mode === "remote"
        ? { resolverUrl: world.resolver.url, defaultsRefreshMs: 100 }
        : { nats: { servers: world.nats.url, activation: "immediate" as const }, snapshotFolder: temporaryFolder() };
    const client = createSignalbox({ ...where, timeoutMs: 20_000 });
    onTestFinished(() => client.close());
    return client;
  };
  const makeFeature = async (signalbox = makeClient()) => {
    const domain = `${mode}-${Math.random()}`;
    await OpenFeature.setProviderAndWait(domain, createSignalboxProvider(signalbox));
    return OpenFeature.getClient(domain);
  };

  test("gives the answer as an object and its fields by type", async () => {
    const feature = await makeFeature();
    const context = { targetingKey: "u1", device: "kiosk" };
    const details = await feature.getObjectDetails("ranking", {}, context);
    expect(details).toMatchObject({
      value: { routingKey: "default/ranking/ranker@8", config: { parameters: { beam: 4 } } },
      variant: "ranker@8",
      reason: "TARGETING_MATCH",
      flagMetadata: { model: "ranker", source: mode === "remote" ? "resolver" : "local" },
    });
    expect(await feature.getStringValue("ranking.model", "", context)).toBe("ranker");
    expect(await feature.getNumberValue("ranking.parameters.beam", 0, context)).toBe(4);
  });

  test("splits by the targeting key as the client does by the unit", async () => {
    const client = makeClient();
    const feature = await makeFeature(client);
    const arms = new Set<string>();
    for (let n = 0; n < 30; n++) {
      const { config } = await client.resolve("ranking", { userId: `user-${n}` });
      const details = await feature.getStringDetails("ranking.variant", "", { targetingKey: `user-${n}` });
      expect(details).toMatchObject({ value: config.variant, reason: "SPLIT" });
      arms.add(details.value);
    }
    expect(arms).toEqual(new Set(["stable", "canary"]));
  });

  test.each([
    ["nothing", {}, "FLAG_NOT_FOUND"],
    ["Not A Name", {}, "FLAG_NOT_FOUND"],
    ["ranking.colour", {}, "FLAG_NOT_FOUND"],
    ["ranking", {}, "TYPE_MISMATCH"],
    ["ranking", { nested: { deep: true } }, "INVALID_CONTEXT"],
    ["ranking", { at: new Date() }, "INVALID_CONTEXT"],
  ])("gives the default of the code for %s with %j: %s", async (key, context, errorCode) => {
    const feature = await makeFeature();
    const details = await feature.getStringDetails(key, "mine", context);
    expect(details).toMatchObject({ value: "mine", reason: "ERROR", errorCode });
    expect(details.errorMessage).not.toBe("");
  });

  test("the unit in the context goes before the targeting key", async () => {
    const feature = await makeFeature();
    for (let n = 0; n < 20; n++) {
      const byKey = await feature.getStringValue("ranking.variant", "", { targetingKey: `user-${n}` });
      const context = { targetingKey: "another", userId: `user-${n}` };
      expect(await feature.getStringValue("ranking.variant", "", context)).toBe(byKey);
    }
  });

  test("a provider that was closed listens to the client no more", async () => {
    const client = makeClient();
    let listeners = 0;
    const counting: Signalbox = {
      ...client,
      subscribe: (listener) => {
        const end = client.subscribe(listener);
        listeners++;
        return () => {
          listeners--;
          end();
        };
      },
    };
    const provider = createSignalboxProvider(counting);
    await provider.initialize?.({});
    expect(listeners).toBe(1);
    await provider.onClose?.();
    expect(listeners).toBe(0);
  });

  test("tells the application when the configuration changed", async () => {
    const feature = await makeFeature();
    let changes = 0;
    feature.addHandler(ProviderEvents.ConfigurationChanged, () => {
      changes++;
    });
    const name = `late-${mode}`;
    await publish(world.nats.url, [{ ...rankingObjective(), metadata: { namespace: "default", name } }]);
    await eventually("the change is heard of", () => changes > 0);
    await eventually("the new objective is a flag", async () => {
      return (await feature.getStringValue(`${name}.version`, "", { device: "kiosk" })) === "8";
    });
  });
});

test("an answer from before, or the default, is marked as stale when no resolver answers", async () => {
  const own = await startResolverWorld();
  onTestFinished(() => own.stop());
  const signalbox = createSignalbox({ resolverUrl: own.resolver.url, timeoutMs: 20_000 });
  onTestFinished(() => signalbox.close());
  const domain = "stale";
  await OpenFeature.setProviderAndWait(domain, createSignalboxProvider(signalbox, { unit: "userId" }));
  await own.resolver.stop("SIGKILL");
  const details = await OpenFeature.getClient(domain).getObjectDetails("ranking", {}, { targetingKey: "u1" });
  expect(details).toMatchObject({ reason: "STALE", flagMetadata: { source: "default", version: "7" } });
});
