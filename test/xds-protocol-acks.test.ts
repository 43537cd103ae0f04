import { describe, expect, it } from "vitest";
import { isFullState } from "../xds-server/protocol/type-urls.ts";
import { eventually } from "./support/processes.ts";
import {
  allVariants,
  clientForTest,
  deltaVariants,
  expectSilence,
  servedTypes,
  serverWith,
  sotwVariants,
  subscriberForTest,
  subscriberOf,
} from "./support/xds-world.ts";

describe.each(allVariants)("$title: ACK and NACK", (variant) => {
  it.each(servedTypes)("case 1: an ACK is answered by nothing, and a change by one response (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1" } });
    const subscriber = subscriberForTest(server, variant, typeUrl);
    subscriber.subscribe("A");
    expect((await subscriber.accept()).resources).toEqual(new Map([["A", "1"]]));
    await expectSilence(server, subscriber);

    server.change({ [typeUrl]: { A: "2" } });
    expect((await subscriber.accept()).resources).toEqual(new Map([["A", "2"]]));
    await expectSilence(server, subscriber);
    expect(subscriber.client.requests()).toBeGreaterThan(subscriber.client.messages.length);
  });

  it.each(servedTypes)(
    "case 2: a NACK parks that version until there is another, and is visible (%s)",
    async (typeUrl) => {
      const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } }, 1);
      const subscriber = subscriberForTest(server, variant, typeUrl);
      subscriber.subscribe("A", "B");
      await subscriber.accept();

      server.change({ [typeUrl]: { A: "2" } }, 2);
      subscriber.nack(await subscriber.receive(), "A is broken");
      await expectSilence(server, subscriber);
      const [node] = server.server.nodes();
      expect(node).toMatchObject({ nodeId: "test-node", nackCount: 1, acknowledgedRevision: 1 });
      expect(node?.nacks).toMatchObject([{ typeUrl, message: "A is broken" }]);
      expect(node?.nacks[0]?.resourceNames).toContain("A");
      expect(server.logs.filter((line) => line.level === "warn")).toHaveLength(1);

      server.change({ [typeUrl]: { A: "3" } }, 3);
      const third = await subscriber.receive();
      expect(third.resources).toEqual(
        new Map(
          variant.isDelta || !isFullState(typeUrl)
            ? [["A", "3"]]
            : [
                ["B", "1"],
                ["A", "3"],
              ],
        ),
      );
      subscriber.nack(third, "still broken");
      await expectSilence(server, subscriber);
      expect(server.server.nodes()[0]).toMatchObject({ nackCount: 2, acknowledgedRevision: 1 });

      server.change({ [typeUrl]: { A: "4" } }, 4);
      await subscriber.accept();
      await eventually("the refusal is over", () => server.server.nodes()[0]?.nacks.length === 0);
      expect(server.server.nodes()[0]).toMatchObject({ nackCount: 2, acknowledgedRevision: 4 });
    },
  );
});

describe.each(sotwVariants)("$title: stale nonces", (variant) => {
  it.each(servedTypes)("case 3: a request with a stale nonce is ignored whole (%s)", async (typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } });
    const client = clientForTest(server, variant, typeUrl);
    const subscriber = subscriberOf(client, variant, typeUrl);
    subscriber.subscribe("A");
    const first = await subscriber.accept();
    server.change({ [typeUrl]: { A: "2" } });
    const second = await subscriber.receive();

    client.send({ typeUrl, nonce: first.nonce, version: first.version, names: ["A", "B"] });
    await expectSilence(server, subscriber);
    client.send({ typeUrl, nonce: second.nonce, version: second.version, names: ["A", "B"] });
    const whole = isFullState(typeUrl) ? { A: "2" } : {};
    expect(Object.fromEntries((await subscriber.receive()).resources)).toEqual({ ...whole, B: "1" });
  });
});

describe.each(deltaVariants)("$title: stale nonces", (variant) => {
  const kinds = servedTypes.flatMap((typeUrl) => [["a stale", typeUrl] as const, ["an empty", typeUrl] as const]);
  it.each(kinds)("case 4: a subscription counts although it comes with %s nonce (%s)", async (kind, typeUrl) => {
    const server = await serverWith({ [typeUrl]: { A: "1", B: "1" } });
    const client = clientForTest(server, variant, typeUrl);
    const subscriber = subscriberOf(client, variant, typeUrl);
    subscriber.subscribe("A");
    const first = await subscriber.accept();
    server.change({ [typeUrl]: { A: "2" } });
    const second = await subscriber.receive();

    client.send({ typeUrl, nonce: kind === "a stale" ? first.nonce : "", subscribe: ["B"] });
    const third = await subscriber.receive();
    expect(third.resources).toEqual(new Map([["B", "1"]]));
    subscriber.ack(second);
    subscriber.ack(third);
    await expectSilence(server, subscriber);
  });
});
