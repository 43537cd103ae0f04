import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeltaDiscoveryRequestSchema } from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { DeltaSubscription } from "./delta.ts";
import { decodeDeltaRequest } from "./delta-request.ts";
import { createSnapshotStore } from "./snapshot.ts";
import { typeUrls } from "./type-urls.ts";
import { completed } from "./wire.ts";

const universe = ["A", "B", "C", "D", "E"];
const open = { pushLimit: Number.POSITIVE_INFINITY, canRemove: () => true };
/** Small enough that a few resources need several responses. */
const sizes = { responseBytes: 150, wholeBytes: 10_000, stepsAtOnce: 10_000 };

type Step =
  | { readonly do: "set"; readonly name: string; readonly content: number | null }
  | { readonly do: "subscribe" | "unsubscribe" | "resend"; readonly name: string }
  | { readonly do: "flush" | "ack"; readonly isTight: boolean };

const name = fc.constantFrom(...universe);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("set" as const), name, content: fc.option(fc.nat(3)) }),
  fc.record({ do: fc.constantFrom("subscribe" as const, "unsubscribe" as const, "resend" as const), name }),
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("flush" as const, "ack" as const), isTight: fc.boolean() }) },
);
const contents = fc.uniqueArray(fc.tuple(name, fc.nat(3)), { selector: ([each]) => each, minLength: 1 });
/** What the client says that it holds: nothing, everything as it is, or one thing in another version. */
const holds = fc.constantFrom("nothing" as const, "everything" as const, "an older one" as const);
const start = fc.record({ contents, holds, isWildcard: fc.boolean(), isComplete: fc.boolean() });

type Start = typeof start extends fc.Arbitrary<infer T> ? T : never;

/** A server with one client, which holds what it was sent. */
class World {
  readonly #typeUrl: string;
  readonly #store = createSnapshotStore();
  readonly #subscription: DeltaSubscription;
  readonly #sent: {
    nonce: string;
    resources: readonly { name: string; version: string }[];
    removed: readonly string[];
  }[] = [];
  readonly held = new Map<string, string>();
  readonly #isWildcard: boolean;
  readonly #wanted: Set<string>;
  #nonces = 0;

  /** Without claims the subscription goes through the names one by one. */
  constructor({ contents, holds, isWildcard, isComplete }: Start, hasClaims: boolean) {
    this.#typeUrl = isWildcard ? typeUrls.scopedRoute : typeUrls.route;
    this.#subscription = new DeltaSubscription(this.#typeUrl, () => 0, sizes);
    for (const [each, content] of contents) this.#set(each, content);
    if (holds !== "nothing") for (const { name, version } of this.#view().all()) this.held.set(name, version);
    const [first] = this.held.keys();
    if (holds === "an older one" && first) this.held.set(first, "old");
    const names = contents.map(([each]) => each).slice(isComplete ? 0 : 1);
    const subscribed = isWildcard ? [] : names;
    this.#isWildcard = isWildcard;
    this.#wanted = new Set(subscribed);
    this.#forgetUnwanted();
    this.#request(
      { resourceNamesSubscribe: subscribed, initialResourceVersions: Object.fromEntries(this.held) },
      hasClaims,
    );
  }

  run(step: Step): void {
    if (step.do === "set") this.#set(step.name, step.content);
    else if (step.do === "subscribe" || step.do === "unsubscribe") this.#change(step.do, step.name);
    else if (step.do === "resend") this.#subscription.resend([step.name], this.#view());
    else if (step.do === "flush") this.#flush(step.isTight);
    else this.#ack();
  }

  /** What the client has in the end, and how far the server knows it to be. */
  settle() {
    for (let round = 0; round < 20; round++) {
      this.#flush(false);
      while (this.#ack());
    }
    const { sent, settled, acknowledged } = this.#subscription.progress;
    return { held: new Map([...this.held].sort()), sent, settled, acknowledged, names: this.#subscription.nameCount() };
  }

  #view() {
    const view = this.#store.view("g");
    if (!view) throw new Error("there is content from the start");
    return view.type(this.#typeUrl);
  }

  #change(what: "subscribe" | "unsubscribe", name: string): void {
    if (what === "subscribe") this.#wanted.add(name);
    else this.#wanted.delete(name);
    this.#forgetUnwanted();
    const field = what === "subscribe" ? "resourceNamesSubscribe" : "resourceNamesUnsubscribe";
    this.#request({ [field]: [name] }, true);
  }

  /** A client keeps nothing that it does not subscribe to. */
  #forgetUnwanted(): void {
    if (this.#isWildcard) return;
    for (const each of this.held.keys()) if (!this.#wanted.has(each)) this.held.delete(each);
  }

  #set(name: string, content: number | null): void {
    const resource =
      content === null ? null : { bytes: Buffer.from(`content ${content} of about 60 bytes with its name`) };
    this.#store.apply("g", [{ typeUrl: this.#typeUrl, name, resource }]);
  }

  #request(fields: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1], hasClaims: boolean): void {
    const message = create(DeltaDiscoveryRequestSchema, { typeUrl: this.#typeUrl, ...fields });
    const request = completed(decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, message)));
    const { node, typeUrl, responseNonce, error, subscribe, unsubscribe, initialVersions } = request;
    const plain = { node, typeUrl, responseNonce, error, subscribe, unsubscribe, initialVersions };
    this.#subscription.request(hasClaims ? request : plain, this.#view());
  }

  #flush(isTight: boolean): void {
    for (;;) {
      const response = this.#subscription.next(this.#view(), open, () => String(++this.#nonces), isTight);
      if (!response) return;
      const names = response.resources.map((resource) => resource.name);
      expect(new Set(names).size).toBe(names.length);
      this.#sent.push(response);
    }
  }

  #ack(): boolean {
    const response = this.#sent.shift();
    if (!response) return false;
    for (const { name, version } of response.resources) this.held.set(name, version);
    for (const each of response.removed) this.held.delete(each);
    this.#forgetUnwanted();
    const common = { node: undefined, typeUrl: this.#typeUrl, error: undefined };
    const request = {
      ...common,
      responseNonce: response.nonce,
      subscribe: [],
      unsubscribe: [],
      initialVersions: new Map(),
    };
    this.#subscription.request(request, this.#view());
    return true;
  }
}

describe("a client that has or wants all there is", () => {
  it("comes to hold the same whether it is recognised as such or its names are gone through", () => {
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 30 }), (begin, steps) => {
        const [recognised, plain] = [new World(begin, true), new World(begin, false)];
        for (const each of steps) {
          recognised.run(each);
          plain.run(each);
        }
        expect(recognised.settle()).toEqual(plain.settle());
      }),
      { numRuns: 1000 },
    );
  });

  it("is sent everything in parts, and nothing when it holds it", () => {
    const contents = universe.map((each): [string, number] => [each, 0]);
    const begin = { contents, isWildcard: false, isComplete: true };
    const cold = new World({ ...begin, holds: "nothing" }, true);
    expect(cold.settle().held.size).toBe(5);
    const back = new World({ ...begin, holds: "everything" }, true);
    const before = new Map(back.held);
    expect(back.settle()).toMatchObject({ held: before, names: 5 });
  });
});
