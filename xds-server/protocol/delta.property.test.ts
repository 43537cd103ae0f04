import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryGate, type GateName, gates } from "./arbitrary-gates.ts";
import { DeltaSubscription, type ResponseSizes } from "./delta.ts";
import type { DeltaRequest } from "./delta-request.ts";
import { createSnapshotStore } from "./snapshot.ts";
import type { Response } from "./subscription.ts";
import { typeUrls } from "./type-urls.ts";

const universe = ["A", "B", "C", "D"];

/** What can happen to a stream. Plain data, so that a failure shrinks to a readable list. */
type Step =
  | { readonly do: "set"; readonly name: string; readonly content: number }
  | { readonly do: "remove"; readonly name: string }
  | { readonly do: "subscribe" | "unsubscribe"; readonly names: readonly string[]; readonly nonce: "none" | "stale" }
  | { readonly do: "flush" | "slice"; readonly gate: GateName; readonly isTight: boolean }
  | { readonly do: "ack" | "nack" | "judge" };

const name = fc.constantFrom(...universe);
const names = fc.uniqueArray(fc.constantFrom(...universe, "*"), { minLength: 1, maxLength: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("set" as const), name, content: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), name }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("subscribe" as const, "unsubscribe" as const),
      names,
      nonce: fc.constantFrom("none" as const, "stale" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("flush" as const, "slice" as const),
      gate: arbitraryGate,
      isTight: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("ack" as const, "nack" as const, "judge" as const) }) },
);

/** What a client that judges resources by themselves never takes. */
const isBad = (content: string | undefined) => content?.endsWith("3") ?? false;

/** How a client deals with a response in which it minds something. */
type Judge = {
  /** It takes the other resources of such a response, as Envoy does; else none of them. */
  readonly takesTheRest: boolean;
  /** Its message says which resources it minds. */
  readonly namesThem: boolean;
};

/** How a stream begins. */
type Beginning = {
  /** What the first request subscribes to; nothing is a wildcard. */
  readonly first: readonly string[];
  /** What the client holds from another stream, each in a version that is there no more. */
  readonly held: readonly string[];
  /** What there is when a client comes back. */
  readonly content: readonly string[];
  readonly judge: Judge;
  readonly sizes: ResponseSizes;
};

/**
 * A client and a server with responses on their way between them, as simple as the specification: the client holds what it
 * accepted, and in the end it must hold what the server has, save what it refused.
 */
class Model {
  readonly #typeUrl: string;
  readonly #store = createSnapshotStore();
  readonly #subscription: DeltaSubscription;
  readonly #content = new Map<string, string>();
  readonly #held = new Map<string, string>();
  readonly #refused = new Map<string, string | undefined>();
  /** Names of refused responses that have to be offered once more, with the size of the latest such response. */
  readonly #undecided = new Map<string, number>();
  readonly #names = new Set<string>();
  /** Names whose latest subscription was not answered yet. */
  readonly #asked = new Set<string>();
  readonly #onTheWay: Response[] = [];
  readonly #nonces = new Set<string>();
  /** Sequence of the content that was sent last. */
  readonly #sentAt = new Map<string, number>();
  #owesAll: boolean;
  #wasWildcard = false;
  #wildcard: boolean;
  #outstanding = 0;
  /** Settled when the first response that is on the way was sent. */
  #settledBefore = 0;
  readonly #judge: Judge;
  readonly #sizes: ResponseSizes;
  #now = 0;

  /** The first answer is for a client that held something: what is new to it goes in its turn. */
  #comesBack: boolean;

  constructor(typeUrl: string, { first, held, content, judge, sizes }: Beginning) {
    this.#sizes = sizes;
    this.#typeUrl = typeUrl;
    this.#judge = judge;
    this.#store.apply("g", []);
    for (const each of held.length > 0 ? content : []) this.#set(each, `${each}0`);
    const isNamed = (name: string) => first.length === 0 || first.includes(name) || first.includes("*");
    const heldBefore = new Set(held.filter(isNamed));
    for (const each of heldBefore) this.#held.set(each, `${each}9`);
    this.#subscription = new DeltaSubscription(typeUrl, () => this.#now, sizes);
    this.#wildcard = first.length === 0;
    this.#owesAll = this.#wildcard;
    const initialVersions = new Map([...heldBefore].map((name) => [name, "another"]));
    this.#request({ subscribe: first, initialVersions });
    for (const each of first) if (!heldBefore.has(each)) this.#noteSubscribed(each);
    for (const each of first) if (each !== "*") this.#names.add(each);
    this.#comesBack = this.#owesAll && heldBefore.size > 0;
  }

  run(step: Step): void {
    if (step.do === "set") this.#set(step.name, `${step.name}${step.content}`);
    else if (step.do === "remove") this.#set(step.name, null);
    else if (step.do === "subscribe") this.#subscribe(step.names, step.nonce);
    else if (step.do === "unsubscribe") this.#unsubscribe(step.names, step.nonce);
    else if (step.do === "flush" || step.do === "slice") this.#flush(step.gate, step.isTight, step.do === "slice");
    else this.#deliver(step.do);
  }

  /** Lets everything arrive and be judged, then compares. */
  settle(): void {
    for (let round = 0; round < 50; round++) {
      this.#now += 60_000;
      this.#flush("open", false);
      while (this.#onTheWay.length > 0) this.#deliver("judge");
    }
    expect([...this.#asked]).toEqual([]);
    expect([...this.#undecided]).toEqual([]);
    for (const each of universe) {
      const content = this.#content.get(each);
      if (!this.#wants(each) || !isBad(content) || this.#held.get(each) === content) continue;
      expect([...this.#refused.keys()]).toContain(each);
    }
    for (const each of universe) {
      if (!this.#wants(each)) continue;
      const content = this.#content.get(each);
      if (this.#refused.has(each) && this.#refused.get(each) === content) continue;
      expect([each, this.#held.get(each)]).toEqual([each, content]);
    }
    const { progress } = this.#subscription;
    const { sequence } = this.#view();
    expect(progress).toMatchObject({ sent: sequence, settled: sequence });
    expect(progress.acknowledged === sequence).toBe(progress.parked.size === 0);
    expect([...progress.parked.keys()].sort()).toEqual([...this.#refused.keys()].sort());
    expect(this.#subscription.earliestHeldRemoval()).toBe(Number.POSITIVE_INFINITY);
  }

  #wants(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  #view() {
    const view = this.#store.view("g");
    if (!view) throw new Error("the group was created with the model");
    return view.type(this.#typeUrl);
  }

  #request(fields: Partial<DeltaRequest>) {
    const empty = { node: undefined, responseNonce: "", error: undefined, subscribe: [], unsubscribe: [] };
    const request = { ...empty, typeUrl: this.#typeUrl, initialVersions: new Map<string, string>(), ...fields };
    return this.#subscription.request(request, this.#view());
  }

  #set(name: string, content: string | null): void {
    const resource = content === null ? null : { bytes: Buffer.from(content) };
    this.#store.apply("g", [{ typeUrl: this.#typeUrl, name, resource }]);
    if (content === null) this.#content.delete(name);
    else this.#content.set(name, content);
  }

  #subscribe(names: readonly string[], nonce: "none" | "stale"): void {
    this.#request({ subscribe: names, responseNonce: nonce === "stale" ? "long ago" : "" });
    for (const each of names) this.#noteSubscribed(each);
  }

  #noteSubscribed(name: string): void {
    if (name === "*") {
      this.#wildcard = true;
      this.#wasWildcard = true;
      this.#owesAll = true;
    } else {
      this.#names.add(name);
      this.#asked.add(name);
    }
  }

  #unsubscribe(names: readonly string[], nonce: "none" | "stale"): void {
    this.#request({ unsubscribe: names, responseNonce: nonce === "stale" ? "long ago" : "" });
    for (const each of names) {
      if (each === "*") this.#endWildcard();
      else if (this.#names.delete(each)) this.#noteUnsubscribed(each);
    }
    for (const each of universe) {
      if (this.#wants(each)) continue;
      this.#held.delete(each);
      this.#refused.delete(each);
      this.#undecided.delete(each);
      this.#asked.delete(each);
    }
  }

  /** A slice is the work of one turn, after which something else may happen first. */
  #flush(gate: GateName, isTight: boolean, isSlice = false): void {
    if (isSlice) this.#sendNext(gate, isTight);
    else while (this.#sendNext(gate, isTight) || this.#subscription.isUnfinished);
    if (this.#outstanding > 0) expect(this.#subscription.progress.settled).toBe(this.#settledBefore);
  }

  /** True when there was something to send. */
  #sendNext(gate: GateName, isTight: boolean): boolean {
    const view = this.#view();
    const isPushAllowed = this.#outstanding === 0;
    if (isPushAllowed) this.#settledBefore = this.#subscription.progress.settled;
    const owesNothing = !this.#owesAll && this.#asked.size === 0;
    const nonce = () => String(this.#nonces.size + 1);
    const response = this.#subscription.next(view, gates[gate](view.sequence), nonce, isTight);
    if (!response) return false;
    expect(this.#nonces.has(response.nonce)).toBe(false);
    this.#nonces.add(response.nonce);
    this.#outstanding++;
    expect(this.#outstanding).toBeLessThanOrEqual(8);
    for (const { name, version } of response.resources) {
      const current = this.#view().get(name) ?? this.#view().lastKnown(name);
      expect(version).toBe(current?.version);
      const isOffer = isPushAllowed && owesNothing && sizeOf(response) < (this.#undecided.get(name) ?? 0);
      this.#expectReason(name, isPushAllowed, isOffer);
    }
    if (this.#owesAll && !this.#comesBack) this.#askForRest(response);
    if (this.#owesAll) this.#comesBack = false;
    this.#expectSize(response, this.#owesAll);
    this.#owesAll = false;
    for (const each of response.removed) expect(this.#content.has(each)).toBe(false);
    for (const each of [...response.resources.map((resource) => resource.name), ...response.removed]) {
      this.#asked.delete(each);
    }
    this.#onTheWay.push(response);
    return true;
  }

  /** What did not fit into the first answer to a wildcard has to follow. */
  #askForRest({ resources }: Response): void {
    for (const each of this.#content.keys()) if (!resources.some(({ name }) => name === each)) this.#asked.add(each);
  }

  /** Without its last resource, a response is below the limit; what is owed by name comes on top of everything. */
  #expectSize({ resources }: Response, isEverything: boolean): void {
    const { responseBytes, wholeBytes } = this.#sizes;
    const before = resources.slice(0, -1).reduce((sum, { delta }) => sum + delta.length, 0);
    expect(before).toBeLessThan(Math.max(responseBytes, wholeBytes) + (isEverything ? wholeBytes : 0));
  }

  #endWildcard(): void {
    this.#comesBack = false;
    this.#wildcard = false;
    this.#owesAll = false;
  }

  /** Under a wildcard, the end of a subscription by name has to be answered too. */
  #noteUnsubscribed(name: string): void {
    if (this.#wildcard) this.#asked.add(name);
    else this.#asked.delete(name);
  }

  /** A resource is sent because it was asked for, or because its content is new to this stream and nothing is on the way. */
  #expectReason(name: string, isPushAllowed: boolean, isOffer: boolean): void {
    const changedAt = this.#view().changedAt(name);
    const isGone = !this.#content.has(name);
    const isUnasked = !this.#wildcard && !this.#wasWildcard && !this.#asked.has(name);
    if (isGone && isUnasked) expect([...this.#sentAt.keys()]).toContain(name);
    const isNew = changedAt > (this.#sentAt.get(name) ?? -1);
    expect({ name, hasReason: isOffer || this.#owesAll || this.#asked.has(name) || (isNew && isPushAllowed) }).toEqual({
      name,
      hasReason: true,
    });
    this.#sentAt.set(name, changedAt);
  }

  #deliver(how: "ack" | "nack" | "judge"): void {
    const response = this.#onTheWay.shift();
    if (!response) return;
    this.#outstanding--;
    const arrived = new Map<string, string | undefined>(response.removed.map((each) => [each, undefined]));
    for (const { name, sotw } of response.resources) arrived.set(name, contentOf(sotw));
    const bad = [...arrived].filter(([, content]) => isBad(content)).map(([each]) => each);
    const isRefused = how === "nack" || (how === "judge" && bad.length > 0);
    for (const [each, content] of arrived) {
      if (!this.#wants(each)) continue;
      if (!isRefused) this.#accept(each, content);
      else this.#refuse(each, content, how === "judge" && this.#judge.takesTheRest, sizeOf(response));
    }
    const message = how === "judge" && this.#judge.namesThem ? `cannot take ${bad.join(", ")}: it is bad` : "refused";
    const error = isRefused ? { code: 13, message } : undefined;
    const verdict = this.#request({ responseNonce: response.nonce, error });
    expect(verdict.kind).toBe(isRefused ? "nack" : "ack");
  }

  #refuse(name: string, content: string | undefined, takesTheRest: boolean, size: number): void {
    this.#refused.set(name, content);
    if (size > 1) this.#undecided.set(name, size);
    else this.#undecided.delete(name);
    if (!takesTheRest || isBad(content)) return;
    if (content === undefined) this.#held.delete(name);
    else this.#held.set(name, content);
  }

  #accept(name: string, content: string | undefined): void {
    this.#refused.delete(name);
    this.#undecided.delete(name);
    if (content === undefined) this.#held.delete(name);
    else this.#held.set(name, content);
  }
}

function sizeOf(response: Response): number {
  return response.resources.length + response.removed.length;
}

/** The content is the end of the frame. */
function contentOf(frame: Uint8Array): string {
  return Buffer.from(frame).toString("utf8").slice(-2);
}

/** A wildcard whose first answer is full before what was asked for by name besides: it was sent twice. */
const askedBesidesWildcard: [Beginning, Step[]] = [
  {
    first: ["C", "A", "D"],
    held: ["C"],
    content: ["D", "A", "C"],
    judge: { takesTheRest: false, namesThem: false },
    sizes: { responseBytes: 1, wholeBytes: 150, stepsAtOnce: 10_000 },
  },
  [
    { do: "remove", name: "C" },
    { do: "flush", gate: "holding", isTight: false },
    { do: "ack" },
    { do: "flush", gate: "behind", isTight: false },
    { do: "subscribe", names: ["C", "*"], nonce: "none" },
    { do: "subscribe", names: ["D", "A"], nonce: "none" },
    { do: "remove", name: "D" },
  ],
];

describe("an incremental subscription", () => {
  it.each([typeUrls.cluster, typeUrls.route])("keeps to the specification whatever happens (%s)", (typeUrl) => {
    const first = fc.oneof(fc.constant<string[]>([]), names);
    const legal = typeUrl === typeUrls.cluster ? first : names;
    const judge = fc.record({ takesTheRest: fc.boolean(), namesThem: fc.boolean() });
    const bytes = fc.constantFrom(1, 150, 1_000_000);
    const stepsAtOnce = fc.constantFrom(1, 2, 10_000);
    const sizes = fc.record({ responseBytes: bytes, wholeBytes: bytes, stepsAtOnce });
    const some = fc.uniqueArray(name);
    const beginning = fc.record({ first: legal, held: some, content: some, judge, sizes });
    fc.assert(
      fc.property(beginning, fc.array(step, { maxLength: 40 }), (begin, steps) => {
        const model = new Model(typeUrl, begin);
        for (const each of steps) model.run(each);
        model.settle();
      }),
      { numRuns: 3000, examples: [askedBesidesWildcard] },
    );
  });
});
