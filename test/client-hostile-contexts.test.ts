import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSignalbox, type Signalbox, type SignalboxOptions } from "../client/index.ts";
import { objectiveSchema } from "../config/documents/objective.ts";
import { publish, type ResolverWorld, startResolverWorld } from "./support/resolver.ts";

/** Asks what objects inherit, the awkward numbers, lists, and splits the rest by the unit. */
const objective = objectiveSchema.parse({
  apiVersion: "signalbox.dev/v1",
  kind: "Objective",
  metadata: { name: "hostile" },
  spec: {
    default: { model: "ranker", version: "7" },
    rules: [
      { name: "inherited", when: { constructor: { exists: true } }, serve: { model: "ranker", version: "8" } },
      { name: "zero", when: { a: 0 }, serve: { model: "ranker", version: "8" } },
      { name: "empty", when: { a: { contains: "" } }, serve: { model: "ranker", version: "8" } },
      {
        name: "split",
        split: {
          variants: [
            { name: "x", weight: 1, model: "ranker", version: "7" },
            { name: "y", weight: 1, model: "ranker", version: "8" },
          ],
        },
      },
    ],
  },
});

let world: ResolverWorld;
let clients: readonly Signalbox[];

beforeAll(async () => {
  world = await startResolverWorld();
  await publish(world.nats.url, [objective]);
  const { url, grpcAddress } = world.resolver;
  const ways: Partial<SignalboxOptions>[] = [
    { nats: { servers: world.nats.url, activation: "immediate" }, snapshotFolder: join(world.folder, "client") },
    { resolverUrl: url },
    { resolverUrl: `grpc://${grpcAddress}` },
  ];
  // Every question is asked: an answer from the cache would be of another way.
  const shared = { timeoutMs: 20_000, maxCachedAnswers: 0 };
  clients = ways.map((way) => createSignalbox({ ...shared, ...way } as SignalboxOptions));
  await Promise.all(clients.map(({ ready }) => ready));
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await world.stop();
});

/** The decision, or why there is none. */
async function outcomeOf(client: Signalbox, context: object): Promise<unknown> {
  try {
    const { source, ...answer } = await client.resolve("hostile", context as never);
    return answer;
  } catch (error) {
    const { code, problems, message } = error as { code?: string; problems?: unknown; message: string };
    return { code, problems: problems ?? message };
  }
}

const text = fc.oneof(
  fc.constantFrom("", "\ud800", "a\udc00b", "\u0000", "\u2028", "é", "e\u0301", "😀", "x", "42", "x".repeat(16_384)),
  fc.string({ unit: "binary" }),
);
const number = fc.oneof(
  fc.constantFrom(0, -0, 2 ** 53, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, Number.NaN, Number.POSITIVE_INFINITY),
  fc.double(),
);
const scalar = fc.oneof(text, number, fc.boolean());
const value = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.constant(null),
  fc.constant(undefined),
  fc.jsonValue(),
);
const name = fc.constantFrom(
  "userId",
  "a",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "b.c",
  "not a name",
);
const context = fc.array(fc.tuple(name, value), { maxLength: 5 }).map((entries) => Object.fromEntries(entries));

test("any context has the same answer, or the same refusal, in process, over HTTP and over gRPC", async () => {
  await fc.assert(
    fc.asyncProperty(context, async (given) => {
      const [local, http, grpc] = await Promise.all(clients.map((client) => outcomeOf(client, given)));
      expect(http).toEqual(local);
      expect(grpc).toEqual(local);
    }),
    { numRuns: 300 },
  );
});
