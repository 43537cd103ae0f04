import { describe, expect, test } from "vitest";
import { bytesContent } from "./stored-content.ts";

const contentOf = (text: string) =>
  bytesContent({ key: "shard.default.a", revision: 7, at: "2026-11-21T08:00:00Z", value: Buffer.from(text) }).data;

describe("what is shown of stored bytes", () => {
  test("is the document, with the revision that an edit starts from", () => {
    expect(contentOf('{"kind":"Shard","metadata":{"name":"a"}}')).toEqual({
      kind: "Shard",
      metadata: { name: "a", revision: 7 },
    });
  });

  test("is the JSON object, also when it is no document", () => {
    expect(contentOf('{"metadata":[1]}')).toEqual({ metadata: { revision: 7 } });
  });

  test("is their beginning on one line, when they are anything else", () => {
    for (const text of ["not JSON", "42", "null", '["a"]', '"text"'])
      expect(contentOf(text)).toEqual({ key: "shard.default.a", revision: 7, unreadable: text });
    expect(contentOf("\u001b[31mred\n")).toMatchObject({ unreadable: " [31mred " });
    expect(contentOf("x".repeat(1000))).toMatchObject({ unreadable: "x".repeat(200) });
  });
});
