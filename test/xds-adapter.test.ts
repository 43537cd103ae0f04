import { create } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Adapter } from "../proto/gen/adapter/adapter_pb.js";
import { methodDefinition } from "../service/grpc-service.ts";
import { projectFolder } from "../setup/paths.js";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { freePorts } from "./support/ports.ts";
import { eventually, type Running, startProcess } from "./support/processes.ts";
import { callUnary } from "./support/unary-call.ts";
import { connectXds, type Received, testResource, type XdsClient, type XdsVariant } from "./support/xds-client.ts";
import { allVariants, pause, type Subscriber, subscriberOf, variants } from "./support/xds-world.ts";

const { cluster, endpoint, listener, route } = typeUrls;
const nodeId = "test-id";
const methods = Object.fromEntries(Adapter.methods.map((method) => [method.name, methodDefinition(Adapter, method)]));

let adapter: Running;
let control: Client;
let xdsPort: number;

beforeAll(async () => {
  const [xds, port] = (await freePorts(2)) as [number, number];
  xdsPort = xds;
  adapter = await startProcess(process.execPath, [`${projectFolder}/xds-server/conformance/main.ts`], {
    environment: { XDS_GRPC_PORT: String(xds), XDS_ADAPTER_PORT: String(port), LOG_LEVEL: "info" },
  });
  await eventually("the adapter", () => adapter.output().includes('"started"'));
  control = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterAll(async () => {
  control?.close();
  await adapter?.stop();
});

beforeEach(() => call("ClearState", { node: nodeId }));

function call(name: string, fields: object): Promise<object> {
  const method = Adapter.methods.find((each) => each.name === name);
  if (!method) throw new Error(`no method ${name}`);
  return callUnary(control, methods as never, name, create(method.input, { ...fields }), {});
}

/** Names by type, at one version, as the whole state of the node. */
function setState(version: string, names: Readonly<Record<string, readonly string[]>>): Promise<object> {
  const resources = Object.entries(names).flatMap(([typeUrl, ofType]) =>
    ofType.map((name) => ({ typeUrl, value: testResource(name, `${name} at ${version}`) })),
  );
  return call("SetState", { node: nodeId, version, resources });
}

type Edit = "AddResource" | "UpdateResource" | "RemoveResource";

async function edit(what: Edit, typeUrl: string, resourceName: string, version: string): Promise<void> {
  expect(await call(what, { node: nodeId, typeUrl, resourceName, version })).toMatchObject({ success: true });
}

function connect(variant: XdsVariant, typeUrl?: string): XdsClient {
  const client = connectXds(xdsPort, variant, typeUrl, nodeId);
  onTestFinished(() => client.close());
  return client;
}

function subscriber(variant: XdsVariant, typeUrl: string): Subscriber {
  return subscriberOf(connect(variant, typeUrl), variant, typeUrl);
}

const namesOf = (message: Received) => [...message.resources.keys()].sort();

/** Takes in messages until `isDone`; a server may send what changed together in one message or in several. */
async function collect(from: Subscriber, version: string, names: readonly string[]): Promise<void> {
  const seen = new Set<string>();
  while (names.some((name) => !seen.has(name))) {
    const message = await from.accept();
    expect(message.version).toBe(version);
    for (const name of namesOf(message)) seen.add(name);
    for (const given of message.versions.values()) expect(given).toBe(version);
  }
  expect([...seen].sort()).toEqual([...names].sort());
}

async function expectSilence({ client }: Subscriber): Promise<void> {
  await pause(300);
  expect(client.pending()).toEqual([]);
}

/**
 * What this client sent before has been taken in: a stream that it opens afterwards, on the same connection, is answered with
 * A, which has to exist.
 */
async function expectTakenIn({ client, variant, typeUrl }: Subscriber): Promise<void> {
  const later = subscriberOf(client.another(), variant, typeUrl);
  later.subscribe("A");
  await later.accept();
  later.client.cancel();
}

/** A subscriber of these names of a type (of all without), of which these exist at version 1, and have come. */
async function subscribed(variant: XdsVariant, typeUrl: string, existing: readonly string[], ...names: string[]) {
  await setState("1", { [typeUrl]: existing });
  const some = subscriber(variant, typeUrl);
  some.subscribe(...names);
  await collect(some, "1", names.length === 0 ? existing : existing.filter((name) => names.includes(name)));
  return some;
}

/** "Never responds more than necessary": each response was asked for by a request or answers an ACK by a change. */
function expectNoExcess({ client }: Subscriber): void {
  expect(client.requests()).toBeGreaterThan(client.messages.length);
}

const isFullState = (typeUrl: string) => typeUrl === cluster || typeUrl === listener;

describe.each(allVariants)("$title: a conformance harness", (variant) => {
  describe.each([cluster, listener])("subscribing to all of %s", (typeUrl) => {
    test("gets everything at the version that was set, and each change at its own", async () => {
      const all = await subscribed(variant, typeUrl, ["A", "B", "C"]);

      await edit("UpdateResource", typeUrl, "A", "2");
      await collect(all, "2", variant.isDelta ? ["A"] : ["A", "B", "C"]);
      await edit("AddResource", typeUrl, "D", "3");
      const added = await all.accept();
      expect(added.version).toBe("3");
      expect(namesOf(added)).toEqual(variant.isDelta ? ["D"] : ["A", "B", "C", "D"]);

      await edit("RemoveResource", typeUrl, "A", "3");
      const removed = await all.accept();
      expect(removed.version).toBe("3");
      if (variant.isDelta) expect([namesOf(removed), removed.removed]).toEqual([[], ["A"]]);
      else expect(namesOf(removed)).toEqual(["B", "C", "D"]);
      expectNoExcess(all);
    });
  });

  describe.each([cluster, listener, route, endpoint])("subscribing to names of %s", (typeUrl) => {
    test("gets those names, their changes, and no others", async () => {
      const some = await subscribed(variant, typeUrl, ["A", "B", "C"], "A", "B");
      await edit("UpdateResource", typeUrl, "C", "2");
      await expectSilence(some);
      await edit("UpdateResource", typeUrl, "A", "3");
      const first = await some.accept();
      await edit("UpdateResource", typeUrl, "B", "4");
      const second = await some.accept();
      expect([first.version, second.version]).toEqual(["3", "4"]);
      expect(first.nonce).not.toBe(second.nonce);
      expect(namesOf(second)).toEqual(isFullState(typeUrl) && !variant.isDelta ? ["A", "B"] : ["B"]);
      expectNoExcess(some);
    });

    /** To A, which exists at version 1, and to Z, which does not. */
    const subscribedToMissing = async () => {
      await setState("1", { [typeUrl]: ["A"] });
      const some = subscriber(variant, typeUrl);
      some.subscribe("A", "Z");
      await eventually("A", async () => (await some.accept()).resources.has("A"));
      return some;
    };

    test("before they exist gets them when they are added", async () => {
      const some = await subscribedToMissing();
      await edit("AddResource", typeUrl, "Z", "2");
      const added = await eventually("Z", async () => {
        const message = await some.accept();
        return message.version === "2" && message;
      });
      expect(namesOf(added)).toContain("Z");
      await expectSilence(some);
      expectNoExcess(some);
    });

    test("gets one that is added under the version that is there already", async () => {
      const some = await subscribedToMissing();
      await edit("AddResource", typeUrl, "Z", "1");
      const added = await some.accept();
      expect([namesOf(added).includes("Z"), added.version]).toEqual([true, "1"]);
      await expectSilence(some);
      expectNoExcess(some);
    });

    test("and then to fewer or to none hears no more of the others", async () => {
      const some = await subscribed(variant, typeUrl, ["A", "B", "C", "D"], "A", "B", "C");
      some.unsubscribe("B", "C");
      some.subscribe("D");
      expect(namesOf(await some.accept())).toContain("D");
      some.unsubscribe("D");
      await expectTakenIn(some);
      await edit("UpdateResource", typeUrl, "B", "2");
      await expectSilence(some);
      await edit("UpdateResource", typeUrl, "A", "3");
      const last = await some.accept();
      expect([namesOf(last), last.version]).toEqual([["A"], "3"]);
      if (variant.isDelta) some.unsubscribe("A");
      else some.client.send({ typeUrl, names: [""], nonce: last.nonce, version: last.version });
      await expectTakenIn(some);
      await edit("UpdateResource", typeUrl, "A", "4");
      await expectSilence(some);
      expectNoExcess(some);
    });

    test("refuses one version and takes the next", async () => {
      const some = await subscribed(variant, typeUrl, ["A"], "A");
      await edit("UpdateResource", typeUrl, "A", "2");
      some.nack(await some.receive(), "not for me");
      await expectSilence(some);
      await edit("UpdateResource", typeUrl, "A", "3");
      await collect(some, "3", ["A"]);
      expectNoExcess(some);
    });

    test("before the node has any state waits for it, and does not take a cleared state for deletions", async () => {
      const early = subscriber(variant, typeUrl);
      early.subscribe("A");
      await expectSilence(early);
      await setState("1", { [typeUrl]: ["A", "B"] });
      await collect(early, "1", ["A"]);
      await call("ClearState", { node: nodeId });
      await expectSilence(early);
      await setState("7", { [typeUrl]: ["A"] });
      await collect(early, "7", ["A"]);
      expectNoExcess(early);
    });
  });

  test("sets a whole new state: what is not in it any more is gone", async () => {
    const all = await subscribed(variant, cluster, ["A", "B"]);
    await setState("2", { [cluster]: ["B", "C"] });
    const message = await all.accept();
    expect([namesOf(message), message.version]).toEqual([["B", "C"], "2"]);
    if (variant.isDelta) expect(message.removed).toEqual(["A"]);
    await expectSilence(all);
  });
});

describe.each([variants.deltaAds, variants.sotwAds])("$title: a conformance harness", (variant) => {
  test("subscribes to several types on one stream, whose versions do not depend on each other", async () => {
    await setState("1", { [cluster]: ["A"], [endpoint]: ["A"], [listener]: ["L"], [route]: ["R"] });
    const client = connect(variant);
    const types = [cluster, endpoint, listener, route].map((typeUrl) => subscriberOf(client, variant, typeUrl));
    const [clusters, endpoints, listeners, routes] = types as [Subscriber, Subscriber, Subscriber, Subscriber];
    clusters.subscribe();
    await collect(clusters, "1", ["A"]);
    endpoints.subscribe("A");
    await collect(endpoints, "1", ["A"]);
    listeners.subscribe();
    await collect(listeners, "1", ["L"]);
    routes.subscribe("R");
    await collect(routes, "1", ["R"]);

    await edit("UpdateResource", route, "R", "2");
    await collect(routes, "2", ["R"]);
    await edit("UpdateResource", listener, "L", "3");
    await collect(listeners, "3", ["L"]);
    await edit("RemoveResource", listener, "L", "4");
    expect((await listeners.accept()).version).toBe("4");
    await edit("RemoveResource", cluster, "A", "5");
    expect((await clusters.accept()).version).toBe("5");
    await expectSilence(clusters);
    expectNoExcess(clusters);
  });

  test("need not acknowledge one type before it looks at another", async () => {
    await setState("1", { [cluster]: ["A"], [listener]: ["L"] });
    const client = connect(variant);
    const [clusters, listeners] = [cluster, listener].map((typeUrl) => subscriberOf(client, variant, typeUrl)) as [
      Subscriber,
      Subscriber,
    ];
    clusters.subscribe();
    listeners.subscribe();
    await collect(clusters, "1", ["A"]);
    await collect(listeners, "1", ["L"]);
    await setState("2", { [cluster]: ["A", "B"], [listener]: ["L", "M"] });
    const unanswered = await clusters.receive();
    expect([unanswered.version, (await listeners.receive()).version]).toEqual(["2", "2"]);
  });
});

test("what does not exist can be neither updated nor removed", async () => {
  const missing = { node: nodeId, typeUrl: cluster, resourceName: "A", version: "1" };
  expect(await call("UpdateResource", missing)).toMatchObject({ success: false });
  expect(await call("RemoveResource", missing)).toMatchObject({ success: false });
  expect(await call("AddResource", missing)).toMatchObject({ success: true });
  expect(await call("UpdateResource", missing)).toMatchObject({ success: true });
});
