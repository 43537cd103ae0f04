import { expect, test } from "vitest";
import { createAttached } from "./attached.ts";

test("an object keeps what was attached to it last", () => {
  const attached = createAttached<object, number>();
  const [one, other] = [{}, {}];
  attached.set(one, 1);
  attached.set(one, 2);
  expect(attached.get(one)).toBe(2);
  expect(attached.get(other)).toBeUndefined();
});

test("what one attaches is nothing to another", () => {
  const [mine, yours] = [createAttached<object, string>(), createAttached<object, string>()];
  const object = {};
  mine.set(object, "mine");
  expect(yours.get(object)).toBeUndefined();
});

test("copies have nothing attached, and nobody sees it", () => {
  const attached = createAttached<object, string>();
  const object = { name: "o" };
  attached.set(object, "hidden");
  expect(attached.get({ ...object })).toBeUndefined();
  expect(object).toStrictEqual({ name: "o" });
  expect(JSON.stringify(object)).toBe('{"name":"o"}');
  expect(Object.keys(object)).toEqual(["name"]);
});
