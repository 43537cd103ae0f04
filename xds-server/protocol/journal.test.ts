import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createJournal } from "./journal.ts";

describe("a change journal", () => {
  it("gives the latest change of each name after the cursor and up to the limit, oldest first", () => {
    const journal = createJournal();
    const changes: [number, string][] = [
      [1, "a"],
      [1, "b"],
      [2, "a"],
      [3, "c"],
      [4, "b"],
    ];
    for (const [sequence, name] of changes) journal.record(sequence, name);
    expect([...journal.between(1, 9)].map((change) => change.name)).toEqual(["a", "c", "b"]);
    expect([...journal.between(1, 3)].map((change) => change.name)).toEqual(["a", "c"]);
    expect([...journal.between(4, 9)]).toEqual([]);
  });

  it("grows with the number of names and not with the number of changes", () => {
    const journal = createJournal();
    for (let sequence = 1; sequence <= 100_000; sequence++) journal.record(sequence, `name-${sequence % 100}`);
    expect(journal.size()).toBeLessThanOrEqual(201);
    expect([...journal.between(0, 100_000)]).toHaveLength(100);
  });

  it("goes on in the middle of a commit, whatever was recorded, dropped or copied meanwhile", async () => {
    const journal = createJournal();
    const names = Array.from({ length: 100 }, (_, index) => `name-${index}`);
    for (const name of names) journal.record(1, name);
    const [, second] = [...journal.between(0, 1)];
    for (let sequence = 2; sequence < 200; sequence++) journal.record(sequence, "name-50");
    const copy = await journal.copy({ isOver: () => true, next: async () => undefined });
    const left = names.slice(2).filter((name) => name !== "name-50");
    for (const each of [journal, copy]) {
      expect([...each.between(0, 1, second?.position)].map(({ name }) => name)).toEqual(left);
      expect([...each.between(0, 999, second?.position)].map(({ name }) => name)).toEqual([...left, "name-50"]);
    }
  });

  it("does not mention a forgotten name", () => {
    const journal = createJournal();
    journal.record(1, "a");
    journal.forget("a");
    expect([...journal.between(0, 9)]).toEqual([]);
    expect(journal.latest("a")).toBeUndefined();
  });

  it("equals a full scan of the latest changes, whatever is recorded", () => {
    const names = fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 300 });
    fc.assert(
      fc.property(names, fc.nat(300), fc.nat(300), (recorded, cursor, limit) => {
        const journal = createJournal();
        const latest = new Map<string, number>();
        recorded.forEach((name, index) => {
          journal.record(index + 1, name);
          latest.set(name, index + 1);
        });
        const expected = [...latest].filter(([, sequence]) => sequence > cursor && sequence <= limit);
        const found = [...journal.between(cursor, limit)].map(({ name, sequence }) => [name, sequence]);
        expect(found).toEqual(expected.sort((a, b) => a[1] - b[1]));
      }),
    );
  });
});
