import { expect, test } from "vitest";
import { compiled } from "../testing/documents.ts";
import { oneCallAttributes } from "./attributes.ts";

const serve = { model: "ranker", version: "2" };
const attributes = (spec: Parameters<typeof compiled>[0]) => oneCallAttributes(compiled(spec));

test("the unit comes first, the others by name, each read as what it is compared with", () => {
  const when = {
    zoom: { gt: 1, lt: 5 },
    beta: true,
    mixed: { in: ["a", 1] },
    there: { exists: true },
    or: [{ country: "US" }, { not: { zoom: 3 } }],
  };
  expect(
    attributes({ unit: "accountId", rules: [{ name: "a", when, serve }] }).map(({ name, type }) => [name, type]),
  ).toEqual([
    ["accountId", "string"],
    ["beta", "boolean"],
    ["country", "string"],
    ["mixed", "string"],
    ["there", "string"],
    ["zoom", "number"],
  ]);
});

test("an objective can say where an attribute comes from and what it is", () => {
  const context = {
    a: { header: "x-a" },
    b: { baggage: "b.key" },
    c: { header: "x-c", baggage: "c.key", type: "list" as const },
    d: { type: "boolean" as const },
  };
  const when = { a: 1, b: "x", c: { contains: "x" }, d: "x", e: "x" };
  expect(attributes({ context, rules: [{ name: "a", when, serve }] }).slice(1)).toEqual([
    { name: "a", header: "x-a", baggage: null, type: "number" },
    { name: "b", header: null, baggage: "b.key", type: "string" },
    { name: "c", header: "x-c", baggage: "c.key", type: "list" },
    { name: "d", header: "x-signalbox-context-d", baggage: "d", type: "boolean" },
    { name: "e", header: "x-signalbox-context-e", baggage: "e", type: "string" },
  ]);
});
