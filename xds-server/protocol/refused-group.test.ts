import { describe, expect, it } from "vitest";
import { Ledger } from "./ledger.ts";

/** A client that minds the `bad` ones of `names`; gives the responses that it takes until only those are parked. */
function run(names: readonly string[], bad: ReadonlySet<string>, message: (bad: readonly string[]) => string) {
  let now = 0;
  const ledger = new Ledger({ now: () => now, severalRefused: "offer" });
  let responses = 0;
  let pauses = 0;
  const respond = (sent: readonly string[]) => {
    const nonce = String(++responses);
    ledger.record(nonce, { resources: [], removed: sent }, true);
    const minded = sent.filter((name) => bad.has(name));
    const error = minded.length > 0 ? { code: 13, message: message(minded) } : undefined;
    ledger.answer(nonce, error, () => 1);
    if (ledger.pausedUntil === undefined) return;
    pauses++;
    now = ledger.pausedUntil;
  };
  respond(names);
  for (let offer = ledger.takeOffer(() => true); offer.length > 0; offer = ledger.takeOffer(() => true)) respond(offer);
  ledger.settle(1);
  return { responses, pauses, parked: [...ledger.parked.keys()].sort(), progress: ledger.progress(1) };
}

const thousand = Array.from({ length: 1000 }, (_, index) => `default/shard-${index}`);
const silent = () => "no";
const named = (bad: readonly string[]) =>
  `Error adding/updating cluster(s) ${bad.map((name) => `${name}: unable to read file`).join(", ")}`;

describe("a refused response with several resources", () => {
  it("costs two more responses when the client's message names the one that it minds", () => {
    const { responses, parked, progress } = run(thousand, new Set(["default/shard-7"]), named);
    expect([responses, parked]).toEqual([3, ["default/shard-7"]]);
    expect(progress).toMatchObject({ settled: 1, acknowledged: 0 });
  });

  it("finds hundreds that the client names one after the other, and never pauses", () => {
    const bad = thousand.filter((_, index) => index % 4 === 0);
    const { responses, pauses, parked } = run(thousand, new Set(bad), named);
    expect(parked).toEqual([...bad].sort());
    expect([responses, pauses]).toEqual([2 + bad.length, 0]);
  });

  it("does the same when the client minds, and names, all", () => {
    const { responses, pauses, parked } = run(thousand, new Set(thousand), named);
    expect([responses, pauses, parked.length]).toEqual([1001, 0, 1000]);
  });

  it("finds the one by halves when the message names none", () => {
    const { responses, parked } = run(thousand, new Set(["default/shard-7"]), silent);
    expect(parked).toEqual(["default/shard-7"]);
    expect(responses).toBeLessThanOrEqual(1 + 2 * 10);
  });

  it("is not misled by names that the message mentions by chance", () => {
    const { parked } = run(["a", "no", "c"], new Set(["c"]), silent);
    expect(parked).toEqual(["c"]);
  });

  it("parks all when the client minds all, and goes slower and slower meanwhile", () => {
    const { responses, pauses, parked } = run(thousand, new Set(thousand), silent);
    expect(parked).toHaveLength(1000);
    expect(responses).toBe(1999);
    expect(pauses).toBe(1999 - 32);
  });

  it("costs nothing more once all are accepted", () => {
    const { responses, parked, progress } = run(thousand, new Set(), silent);
    expect([responses, parked]).toEqual([1, []]);
    expect(progress).toMatchObject({ settled: 1, acknowledged: 1 });
  });
});
