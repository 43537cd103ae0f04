import { expect, test } from "vitest";
import type { Audience } from "../config/documents/audience.ts";
import { validateDocument } from "../config/validate.ts";
import { compileAudience } from "../selection/audience.ts";
import { audienceDocuments } from "./audience-documents.ts";

function valid(documents: readonly unknown[]): readonly Audience[] {
  return documents.map((each) => {
    const validation = validateDocument(each);
    if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
    return validation.document as Audience;
  });
}

test("a short list is one document, whatever the order of the ids and however often one comes", () => {
  const [only, ...more] = audienceDocuments("default", "vips", ["b", "a", "b"]);
  expect(more).toEqual([]);
  expect(audienceDocuments("default", "vips", ["a", "b"])).toEqual([only]);
  const [document] = valid([only]);
  expect(document && compileAudience(document, []).size).toBe(2);
});

test("a million ids are documents that the store takes, and together one audience that holds them all", () => {
  const ids = Array.from({ length: 1_000_000 }, (_, index) => `user-${index}`);
  const documents = valid(audienceDocuments("default", "vips", ids));
  const whole = documents.at(-1) as Audience;
  expect(whole.spec.parts).toEqual(documents.slice(0, -1).map(({ metadata }) => metadata.name));
  const membership = compileAudience(whole, documents.slice(0, -1));
  expect(membership.size).toBe(1_000_000);
  expect(membership.has("user-999999")).toBe(true);
  expect(membership.has("user-1000000")).toBe(false);
});
