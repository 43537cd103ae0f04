import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { openJsonFile } from "../xds-server/json-file.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";

function open(file: string, value: () => number = () => 0) {
  const problems: unknown[] = [];
  const onProblem = (error: unknown) => void problems.push(error);
  return { ...openJsonFile({ file, schema: z.number(), value, onProblem, delayMs: 10 }), problems };
}

test("what was written is there for the next process, the latest when it changed several times", async () => {
  const file = join(temporaryFolder(), "folder", "number.json");
  let value = 1;
  const { changed, close } = open(file, () => value);
  changed();
  await eventually("it is written", async () => (await open(file).load()) === 1);
  changed();
  value = 2;
  await close();
  const next = open(file);
  expect(await next.load()).toBe(2);
  expect(next.problems).toEqual([]);
});

test("nothing is there at first, without a problem, and nothing of a file that holds something else, with one", async () => {
  const file = join(temporaryFolder(), "number.json");
  const first = open(file);
  expect([await first.load(), first.problems]).toEqual([undefined, []]);
  writeFileSync(file, "{");
  const torn = open(file);
  expect([await torn.load(), torn.problems.length]).toEqual([undefined, 1]);
});

test("a folder that cannot be written is a problem, and no failure", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "file"), "");
  const { close, problems } = open(join(folder, "file", "number.json"), () => 1);
  await close();
  expect(problems).toHaveLength(1);
});
