import { expect, test } from "vitest";
import { kinds } from "../config/documents/document.ts";
import { commands } from "./commands.ts";
import { complete } from "./complete.ts";

const completed = (...words: string[]) => complete(commands, words);

test("completes commands", () => {
  expect(completed("")).toContain("apply");
  expect(completed("rollb")).toEqual(["rollback"]);
  expect(completed("nonsense", "")).toEqual([]);
});

test("completes kinds where a kind stands, wherever the flags are", () => {
  const words = kinds.map((kind) => kind.toLowerCase());
  expect(completed("history", "")).toEqual(words);
  expect(completed("get", "-n", "team", "")).toEqual([...words, "all"]);
  expect(completed("get", "-A", "ob")).toEqual(["objective"]);
  expect(completed("get", "objective", "")).toEqual([]);
});

test("completes flags", () => {
  expect(completed("rollback", "objective", "x", "--")).toEqual([
    ...["--namespace", "--wait", "--timeout", "--output", "--to", "--help"],
  ]);
  expect(completed("get", "--al")).toEqual(["--all-namespaces"]);
});

test("completes the choices of a flag, also behind an equals sign, which bash makes a word of its own", () => {
  expect(completed("status", "-o", "")).toEqual(["table", "json", "yaml"]);
  expect(completed("status", "--output", "y")).toEqual(["yaml"]);
  expect(completed("status", "--output=j")).toEqual(["--output=json"]);
  expect(completed("status", "--output", "=")).toEqual(["table", "json", "yaml"]);
  expect(completed("status", "--output", "=", "j")).toEqual(["json"]);
});

test("leaves file names to the shell", () => {
  expect(completed("apply", "-f", "")).toEqual([]);
});
