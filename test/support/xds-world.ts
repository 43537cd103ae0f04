import { expect, onTestFinished } from "vitest";
import { isFullState, typeUrls } from "../../xds-server/protocol/type-urls.ts";
import { connectXds, type Received, type XdsClient, type XdsVariant } from "./xds-client.ts";
import { startXdsServer, type TestXdsServer } from "./xds-server.ts";

/** The variants of the protocol, to run a test over each one that it applies to. */
export const variants = {
  deltaAds: { title: "delta ADS", isDelta: true, isAggregated: true },
  sotwAds: { title: "SotW ADS", isDelta: false, isAggregated: true },
  deltaSingle: { title: "delta single-type", isDelta: true, isAggregated: false },
  sotwSingle: { title: "SotW single-type", isDelta: false, isAggregated: false },
} as const;

export const deltaVariants = [variants.deltaAds, variants.deltaSingle] as const;
export const sotwVariants = [variants.sotwAds, variants.sotwSingle] as const;
export const allVariants = [...deltaVariants, ...sotwVariants] as const;

/** The types that have a service of their own: CDS, EDS, LDS, RDS, SRDS, RTDS and SDS. */
export const servedTypes = [
  ...[typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route],
  ...[typeUrls.scopedRoute, typeUrls.runtime, typeUrls.secret],
] as const;
/** Those of which a state-of-the-world response is the whole state, and that know wildcards. */
export const fullStateTypes = servedTypes.filter(isFullState);
/** Those that are subscribed by name, one by one. */
export const namedTypes = servedTypes.filter((typeUrl) => !isFullState(typeUrl));

/** A server that stops with the test. */
export async function serverForTest(options?: Parameters<typeof startXdsServer>[0]): Promise<TestXdsServer> {
  const server = await startXdsServer(options);
  onTestFinished(() => server.stop());
  return server;
}

/** The same with resources to serve; `revision` is that of the store. */
export async function serverWith(...change: Parameters<TestXdsServer["change"]>): Promise<TestXdsServer> {
  const server = await serverForTest();
  server.change(...change);
  return server;
}

/** A client that closes with the test. */
export function clientForTest(server: TestXdsServer, variant: XdsVariant, typeUrl?: string): XdsClient {
  const client = connectXds(server.port, variant, typeUrl);
  onTestFinished(() => client.close());
  return client;
}

/** A well-behaved subscription of one type on a client: it knows what its variant has to repeat in every request. */
export type Subscriber = {
  readonly client: XdsClient;
  readonly variant: XdsVariant;
  readonly typeUrl: string;
  /** Subscribes to more names; without names, as a legacy wildcard. */
  subscribe(...names: string[]): void;
  unsubscribe(...names: string[]): void;
  receive(): Promise<Received>;
  /** The next message, ACKed. */
  accept(): Promise<Received>;
  ack(message: Received): void;
  nack(message: Received, error: string): void;
};

/** A subscription of one type on a client of its own, which closes with the test. */
export function subscriberForTest(server: TestXdsServer, variant: XdsVariant, typeUrl: string): Subscriber {
  return subscriberOf(clientForTest(server, variant, typeUrl), variant, typeUrl);
}

export function subscriberOf(client: XdsClient, variant: XdsVariant, typeUrl: string): Subscriber {
  const names = new Set<string>();
  let acceptedVersion = "";
  let lastNonce = "";
  const send = (error?: string) =>
    client.send({ typeUrl, names: [...names], version: acceptedVersion, nonce: lastNonce, error });
  const receive = () => client.receive(typeUrl);
  const ack = (message: Received) => {
    lastNonce = message.nonce;
    acceptedVersion = message.version;
    if (variant.isDelta) client.send({ typeUrl, nonce: message.nonce });
    else send();
  };
  return {
    client,
    variant,
    typeUrl,
    subscribe: (...added) => {
      for (const name of added) names.add(name);
      if (variant.isDelta) client.send({ typeUrl, subscribe: added });
      else send();
    },
    unsubscribe: (...dropped) => {
      for (const name of dropped) names.delete(name);
      if (variant.isDelta) client.send({ typeUrl, unsubscribe: dropped });
      else send();
    },
    receive,
    accept: async () => {
      const message = await receive();
      ack(message);
      return message;
    },
    ack,
    nack: (message, error) => {
      lastNonce = message.nonce;
      if (variant.isDelta) client.send({ typeUrl, nonce: message.nonce, error });
      else send(error);
    },
  };
}

/** A server with resources of one type, and a client that has subscribed to these names (to all without) and accepted what came. */
export async function subscribed(
  variant: XdsVariant,
  typeUrl: string,
  resources: Readonly<Record<string, string>>,
  ...names: readonly string[]
): Promise<{ readonly server: TestXdsServer; readonly subscriber: Subscriber }> {
  const server = await serverWith({ [typeUrl]: resources });
  const subscriber = subscriberForTest(server, variant, typeUrl);
  subscriber.subscribe(...names);
  await subscriber.accept();
  return { server, subscriber };
}

/**
 * Expects that no (further) message of the subscriber's type comes. On an aggregated stream a canary change of another type
 * has to arrive meanwhile, so that silence is not mistaken for slowness; else 300 ms have to pass.
 */
export async function expectSilence(server: TestXdsServer, subscriber: Subscriber): Promise<void> {
  if (subscriber.variant.isAggregated) await runCanary(server, subscriber);
  else await pause(300);
  expect(subscriber.client.pending(subscriber.typeUrl)).toEqual([]);
}

const canaries = new WeakMap<XdsClient, Subscriber>();

async function runCanary(server: TestXdsServer, { client, variant, typeUrl: watched }: Subscriber): Promise<void> {
  const typeUrl = watched === typeUrls.runtime ? typeUrls.secret : typeUrls.runtime;
  const canary = canaries.get(client) ?? subscriberOf(client, variant, typeUrl);
  const content = `after ${client.messages.length} messages`;
  if (!canaries.has(client)) canary.subscribe("canary");
  canaries.set(client, canary);
  server.change({ [typeUrl]: { canary: content } });
  while ((await canary.accept()).resources.get("canary") !== content);
  await pause(30);
}

/** For what cannot be awaited because it is an absence. */
export const pause = (durationMs: number) => new Promise<void>((resolve) => setTimeout(resolve, durationMs));
