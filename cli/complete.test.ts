import { expect, test } from "vitest";
import { commands } from "./commands.ts";
import { complete } from "./complete.ts";

const completed = (...words: string[]) => complete(commands, words);

test("completes commands", () => {
  expect(completed("")).toContain("apply");
  expect(completed("ro")).toEqual(["rollback"]);
  expect(completed("nonsense", "")).toEqual([]);
});

test("completes kinds where a kind stands, wherever the flags are", () => {
  expect(completed("history", "")).toEqual(["shard", "model", "objective"]);
  expect(completed("get", "-n", "team", "")).toEqual(["shard", "model", "objective", "all"]);
  expect(completed("get", "-A", "ob")).toEqual(["objective"]);
  expect(completed("get", "objective", "")).toEqual([]);
});

test("completes flags", () => {
  expect(completed("rollback", "objective", "x", "--")).toEqual(["--namespace", "--output", "--to", "--help"]);
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
