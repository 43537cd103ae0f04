import { describe, expect, it } from "vitest";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import {
  allVariants,
  clientForTest,
  deltaVariants,
  expectSilence,
  fullStateTypes,
  namedTypes,
  servedTypes,
  serverWith,
  sotwVariants,
  subscribed,
  subscriberForTest,
  subscriberOf,
} from "./support/xds-world.ts";

const { cluster, endpoint, listener, route, runtime, secret } = typeUrls;
/** What a state-of-the-world client is told of a name that does not exist: nothing, or that it is empty. */
const [silentTypes, emptyTypes] = [[route, secret] as const, [endpoint, runtime] as const];

describe.each(sotwVariants)("$title: the life of a wildcard", (variant) => {
  it.each(fullStateTypes)(
    "case 5: begins with an empty request, ends with a name, returns with * (%s)",
    async (typeUrl) => {
      const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } });
      const subscriber = subscriberForTest(server, variant, typeUrl);
      subscriber.subscribe();
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1", B: "1" });

      subscriber.subscribe("A");
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1" });
      server.change({ [typeUrl]: { B: "2" } });
      await expectSilence(server, subscriber);

      subscriber.unsubscribe("A");
      await expectSilence(server, subscriber);
      server.change({ [typeUrl]: { A: "2", C: "1" } });
      await expectSilence(server, subscriber);

      subscriber.subscribe("*");
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "2", B: "2", C: "1" });
      server.change({ [typeUrl]: { D: "1" } });
      expect([...(await subscriber.accept()).resources.keys()]).toContain("D");
    },
  );

  it.each(fullStateTypes)("case 5: * with a name beside it is a wildcard (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } });
    const subscriber = subscriberForTest(server, variant, typeUrl);
    subscriber.subscribe("*", "A");
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1", B: "1" });
    server.change({ [typeUrl]: { C: "1" } });
    expect((await subscriber.accept()).resources.get("C")).toBe("1");
  });
});

describe.each(deltaVariants)("$title: the life of a wildcard", (variant) => {
  it.each(fullStateTypes)("case 6: the first answer comes even when it is empty (%s)", async (typeUrl) => {
    const server = await serverWith({ [route]: { other: "1" } });
    const subscriber = subscriberForTest(server, variant, typeUrl);
    subscriber.subscribe();
    const first = await subscriber.accept();
    expect([first.resources.size, first.removed]).toEqual([0, []]);
    server.change({ [typeUrl]: { A: "1" } });
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1" });
  });

  it.each(fullStateTypes)(
    "case 6: a name under a wildcard is resent, answered when dropped, and stays when the wildcard ends (%s)",
    async (typeUrl) => {
      const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } });
      const subscriber = subscriberForTest(server, variant, typeUrl);
      subscriber.subscribe();
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1", B: "1" });

      subscriber.subscribe("A");
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1" });
      subscriber.unsubscribe("A");
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1" });

      subscriber.subscribe("X");
      expect((await subscriber.accept()).removed).toEqual(["X"]);
      subscriber.unsubscribe("X");
      expect((await subscriber.accept()).removed).toEqual(["X"]);

      subscriber.subscribe("A");
      await subscriber.accept();
      subscriber.unsubscribe("*");
      await expectSilence(server, subscriber);
      server.change({ [typeUrl]: { B: "2" } });
      await expectSilence(server, subscriber);
      server.change({ [typeUrl]: { A: "2" } });
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "2" });
    },
  );

  it.each(fullStateTypes)(
    "case 6: a name and the end of the wildcard in one message leave just the name (%s)",
    async (typeUrl) => {
      const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } });
      const client = clientForTest(server, variant, typeUrl);
      const subscriber = subscriberOf(client, variant, typeUrl);
      subscriber.subscribe();
      await subscriber.accept();
      client.send({ typeUrl, subscribe: ["A"], unsubscribe: ["*"] });
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1" });
      server.change({ [typeUrl]: { B: "2", A: "2" } });
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "2" });
    },
  );
});

describe.each(allVariants)("$title: subscriptions by name", (variant) => {
  it.each(servedTypes)("case 7: unsubscribing from everything is silent and no wildcard (%s)", async (typeUrl) => {
    const { server, subscriber } = await subscribed(variant, typeUrl, { A: "1" }, "A");
    subscriber.unsubscribe("A");
    await expectSilence(server, subscriber);
    server.change({ [typeUrl]: { A: "2", B: "1" } });
    await expectSilence(server, subscriber);
  });

  it.each(namedTypes)(
    "case 7: a first request without names is no wildcard, and names after it count (%s)",
    async (typeUrl) => {
      const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } });
      const subscriber = subscriberForTest(server, variant, typeUrl);
      subscriber.subscribe();
      await expectSilence(server, subscriber);
      subscriber.subscribe("A");
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1" });
      server.change({ [typeUrl]: { B: "2" } });
      await expectSilence(server, subscriber);
    },
  );

  it.each(servedTypes)("case 8: subscribing again sends again (%s)", async (typeUrl) => {
    const { server, subscriber } = await subscribed(variant, typeUrl, { A: "1" }, "A");
    subscriber.unsubscribe("A");
    subscriber.subscribe("A");
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1" });
    await expectSilence(server, subscriber);
  });
});

describe.each(sotwVariants)("$title: names that do not exist", (variant) => {
  it.each(servedTypes)("case 7: a list of one empty name unsubscribes from everything (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1" } });
    const client = clientForTest(server, variant, typeUrl);
    const subscriber = subscriberOf(client, variant, typeUrl);
    subscriber.subscribe("A");
    const first = await subscriber.accept();
    client.send({ typeUrl, names: [""], nonce: first.nonce, version: first.version });
    await expectSilence(server, subscriber);
    server.change({ [typeUrl]: { A: "2" } });
    await expectSilence(server, subscriber);
  });

  it.each(silentTypes)("case 9: a missing one is silence until it is created (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { other: "1" } });
    const subscriber = subscriberForTest(server, variant, typeUrl);
    subscriber.subscribe("X");
    await expectSilence(server, subscriber);
    server.change({ [typeUrl]: { X: "1" } });
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ X: "1" });
    server.change({ [typeUrl]: { X: null } });
    await expectSilence(server, subscriber);
    server.change({ [typeUrl]: { X: "2" } });
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ X: "2" });
  });

  it.each(fullStateTypes)("case 9: a missing one is a state without it (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { other: "1" } });
    const subscriber = subscriberForTest(server, variant, typeUrl);
    subscriber.subscribe("X");
    expect((await subscriber.accept()).resources.size).toBe(0);
    server.change({ [typeUrl]: { X: "1" } });
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ X: "1" });
  });

  it.each(emptyTypes)("case 9: a missing %s is answered with an empty one", async (typeUrl) => {
    const server = await serverWith({ [cluster]: { other: "1" } });
    const subscriber = subscriberForTest(server, variant, typeUrl);
    subscriber.subscribe("X");
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ X: "" });
    server.change({ [typeUrl]: { X: "1" } });
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ X: "1" });
    server.change({ [typeUrl]: { X: null } });
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ X: "" });
  });
});

describe.each(deltaVariants)("$title: names that do not exist", (variant) => {
  it.each(servedTypes)("case 8: subscribing twice in a row sends twice (%s)", async (typeUrl) => {
    const { subscriber } = await subscribed(variant, typeUrl, { A: "1" }, "A");
    subscriber.subscribe("A");
    expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ A: "1" });
  });

  it.each(servedTypes)("case 9: a missing name is said to be missing, and stays subscribed (%s)", async (typeUrl) => {
    const server = await serverWith({ [listener]: { other: "1" } });
    const subscriber = subscriberForTest(server, variant, typeUrl);
    subscriber.subscribe("X");
    expect((await subscriber.accept()).removed).toEqual(["X"]);
    for (const content of ["1", "2"]) {
      server.change({ [typeUrl]: { X: content } });
      expect(Object.fromEntries((await subscriber.accept()).resources)).toEqual({ X: content });
      server.change({ [typeUrl]: { X: null } });
      expect((await subscriber.accept()).removed).toEqual(["X"]);
    }
  });

  it("unsubscribing from a name that was never subscribed is ignored", async () => {
    const { server, subscriber } = await subscribed(variant, route, { A: "1" }, "A");
    subscriber.unsubscribe("never");
    await expectSilence(server, subscriber);
  });
});
