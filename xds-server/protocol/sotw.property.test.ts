import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryGate, type GateName, gates } from "./arbitrary-gates.ts";
import { encodeFrames } from "./encoding.ts";
import { createSnapshotStore } from "./snapshot.ts";
import { SotwSubscription } from "./sotw.ts";
import type { Response } from "./subscription.ts";
import { isFullState, typeUrls } from "./type-urls.ts";

const universe = ["A", "B", "C", "D"];

/** What can happen to a stream. Plain data, so that a failure shrinks to a readable list. */
type Step =
  | { readonly do: "set"; readonly name: string; readonly content: number }
  | { readonly do: "remove"; readonly name: string }
  | { readonly do: "list"; readonly names: readonly string[] }
  | { readonly do: "flush"; readonly gate: GateName }
  | { readonly do: "ack" | "nack" | "judge" };

const name = fc.constantFrom(...universe);
const names = fc.uniqueArray(fc.constantFrom(...universe, "*"), { maxLength: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("set" as const), name, content: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("list" as const), names }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("flush" as const), gate: arbitraryGate }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("ack" as const, "nack" as const, "judge" as const) }) },
);

/** What a missing endpoint is answered with. */
const standIn = "--";

/** What a client that judges resources by themselves never takes; it takes the others of such a response. */
const isBad = (content: string) => content.endsWith("3");

/** A client and a server with one response on its way between them, as simple as the specification. */
class Model {
  readonly #typeUrl: string;
  readonly #isFullState: boolean;
  readonly #store = createSnapshotStore();
  readonly #subscription: SotwSubscription;
  readonly #content = new Map<string, string>();
  readonly #refused = new Map<string, string>();
  readonly #refusedAlone = new Map<string, string>();
  readonly #namesBad: boolean;
  #now = 0;
  #held = new Map<string, string>();
  #listed: readonly string[];
  #wasNamed = false;
  /** What the last request that was not stale listed, and whether it was a wildcard. */
  #known: readonly string[] = [];
  #knownWildcard = false;
  #lastSent: readonly string[] = [];
  #received = "";
  #onTheWay: Response | undefined;
  #lastWasRefused = false;
  #nonces = 0;

  /** `namesBad`: its messages say which resources it minds. */
  constructor(typeUrl: string, first: readonly string[], namesBad: boolean) {
    this.#typeUrl = typeUrl;
    this.#namesBad = namesBad;
    this.#isFullState = isFullState(typeUrl);
    this.#store.apply("g", []);
    this.#subscription = new SotwSubscription({
      typeUrl,
      now: () => this.#now,
      answerMissing: (_, name) => (typeUrl === typeUrls.endpoint ? frames(name, standIn) : undefined),
      takesLifetimes: false,
    });
    this.#listed = first;
    this.#request();
  }

  run(step: Step): void {
    if (step.do === "set") this.#set(step.name, `${step.name}${step.content}`);
    else if (step.do === "remove") this.#set(step.name, null);
    else if (step.do === "list") this.#list(step.names);
    else if (step.do === "flush") this.#flush(step.gate);
    else this.#deliver(step.do);
  }

  /** Lets everything arrive and be judged, then compares. */
  settle(): void {
    for (let round = 0; round < 50; round++) {
      this.#now += 60_000;
      this.#flush("open");
      this.#deliver("judge");
    }
    this.#expectOnlyBadParked();
    const isRefusedWhole = this.#isFullState && this.#lastWasRefused;
    for (const each of isRefusedWhole ? [] : universe) {
      const content = this.#content.get(each);
      if (!this.#wants(each) || this.#cannotBeTold(each, content)) continue;
      if (!this.#isFullState && this.#refused.has(each) && this.#refused.get(each) === (content ?? standIn)) continue;
      const expected = content ?? (this.#typeUrl === typeUrls.endpoint ? standIn : undefined);
      expect([each, this.#held.get(each)]).toEqual([each, expected]);
    }
    const { sequence } = this.#view();
    const { progress } = this.#subscription;
    expect(progress).toMatchObject({ sent: sequence, settled: sequence });
    if (progress.parked.size === 0) expect(progress.acknowledged).toBe(sequence);
    for (const each of progress.parked.keys()) expect([...this.#refused.keys()]).toContain(each);
    if (this.#isFullState && !this.#lastWasRefused) expect(progress.parked.size).toBe(0);
    expect(this.#subscription.earliestHeldRemoval()).toBe(Number.POSITIVE_INFINITY);
  }

  /** The absence of a route cannot be said; and an endpoint's only to who asked for it by name. */
  #cannotBeTold(name: string, content: string | undefined): boolean {
    if (this.#isFullState || content !== undefined) return false;
    return this.#typeUrl !== typeUrls.endpoint || !this.#listed.includes(name);
  }

  #isWildcard(): boolean {
    return this.#wasNamed ? this.#listed.includes("*") : this.#isFullState;
  }

  #wants(name: string): boolean {
    return this.#isWildcard() || this.#listed.includes(name);
  }

  #view() {
    const view = this.#store.view("g");
    if (!view) throw new Error("the group was created with the model");
    return view.type(this.#typeUrl);
  }

  #request(error?: { code: number; message: string }) {
    const fields = { node: undefined, typeUrl: this.#typeUrl, versionInfo: "", resourceNames: this.#listed, error };
    const verdict = this.#subscription.request({ ...fields, responseNonce: this.#received }, this.#view());
    if (verdict.kind === "stale") return verdict;
    this.#known = this.#listed;
    if (this.#listed.length > 0) this.#wasNamed = true;
    this.#knownWildcard = this.#isWildcard();
    this.#lastSent = this.#lastSent.filter((each) => this.#wants(each));
    return verdict;
  }

  #set(name: string, content: string | null): void {
    const resource = content === null ? null : { bytes: Buffer.from(content) };
    this.#store.apply("g", [{ typeUrl: this.#typeUrl, name, resource }]);
    if (content === null) this.#content.delete(name);
    else this.#content.set(name, content);
  }

  #list(names: readonly string[]): void {
    this.#listed = names;
    const verdict = this.#request();
    if (verdict.kind !== "stale") this.#dropUnwanted();
    if (this.#onTheWay && this.#received !== "") expect(verdict.kind).toBe("stale");
  }

  #dropUnwanted(): void {
    for (const each of universe) {
      if (this.#wants(each)) continue;
      this.#held.delete(each);
      this.#refused.delete(each);
    }
  }

  #flush(gate: GateName): void {
    for (;;) {
      const view = this.#view();
      const response = this.#subscription.next(view, gates[gate](view.sequence), () => String(++this.#nonces));
      if (!response) return;
      expect(this.#onTheWay).toBeUndefined();
      this.#onTheWay = response;
      for (const { name, sotw } of response.resources) {
        const current = this.#content.get(name);
        if (current !== undefined) expect(contentOf(sotw)).toBe(current);
        expect(response.resources.filter((other) => other.name === name)).toHaveLength(1);
        expect(this.#knownWildcard || this.#known.includes(name)).toBe(true);
      }
      if (this.#isFullState) this.#expectNothingLost(gate, response);
    }
  }

  /** While removals are held, a full state keeps everything that the one before had. */
  #expectNothingLost(gate: GateName, response: Response): void {
    const names = response.resources.map((resource) => resource.name);
    if (gate === "holding" || gate === "shut") {
      for (const each of this.#lastSent) {
        if (this.#knownWildcard || this.#known.includes(each)) expect(names).toContain(each);
      }
    }
    this.#lastSent = names;
  }

  /** What is parked was refused in its content of now; a good resource only when it was refused by itself. */
  #expectOnlyBadParked(): void {
    for (const each of universe) {
      const content = this.#content.get(each);
      const isParked = this.#subscription.progress.parked.has(each);
      if (content === undefined || !this.#wants(each)) continue;
      if (isBad(content) && this.#held.get(each) !== content) expect([each, isParked]).toEqual([each, true]);
      if (!isBad(content) && isParked && !this.#isFullState) expect(this.#refusedAlone.get(each)).toBe(content);
    }
  }

  #deliver(how: "ack" | "nack" | "judge"): void {
    const response = this.#onTheWay;
    if (!response) return;
    this.#onTheWay = undefined;
    this.#received = response.nonce;
    const arrived = new Map(response.resources.map(({ name, sotw }) => [name, contentOf(sotw)]));
    const bad = [...arrived].filter(([, content]) => isBad(content)).map(([each]) => each);
    const isRefused = how === "nack" || (how === "judge" && bad.length > 0);
    this.#lastWasRefused = isRefused;
    if (!isRefused) this.#accept(arrived);
    else {
      for (const [each, content] of arrived) this.#refused.set(each, content);
      if (arrived.size === 1) for (const [each, content] of arrived) this.#refusedAlone.set(each, content);
      if (how === "judge") for (const [each, content] of arrived) if (!isBad(content)) this.#held.set(each, content);
    }
    this.#dropUnwanted();
    const message = how === "judge" && this.#namesBad ? `cannot take ${bad.join(", ")}: it is bad` : "refused";
    const verdict = this.#request(isRefused ? { code: 13, message } : undefined);
    expect(verdict.kind).toBe(isRefused ? "nack" : "ack");
  }

  #accept(arrived: ReadonlyMap<string, string>): void {
    if (this.#isFullState) this.#held = new Map();
    for (const [each, content] of arrived) {
      this.#held.set(each, content);
      this.#refused.delete(each);
    }
  }
}

function frames(name: string, content: string) {
  const { delta, sotw } = encodeFrames({ typeUrl: "", name, version: "", body: Buffer.from(content) });
  const zero = { high: 0, low: 0 };
  return { name, version: "", endpointsName: name, digest: zero, nameHash: zero, heldHash: zero, delta, sotw };
}

/** The content is the end of the frame. */
function contentOf(frame: Uint8Array): string {
  return Buffer.from(frame).toString("utf8").slice(-2);
}

describe("a state-of-the-world subscription", () => {
  it.each([typeUrls.cluster, typeUrls.route, typeUrls.endpoint])(
    "keeps to the specification whatever happens (%s)",
    (typeUrl) => {
      fc.assert(
        fc.property(names, fc.array(step, { maxLength: 40 }), fc.boolean(), (first, steps, namesBad) => {
          const model = new Model(typeUrl, first, namesBad);
          for (const each of steps) model.run(each);
          model.settle();
        }),
        { numRuns: 3000 },
      );
    },
  );
});
