import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { recordEvents, resolution } from "../testing.ts";
import { openDefaultsFile } from "./defaults-file.ts";

function makeFile() {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-defaults-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, file: openDefaultsFile(folder), ...recordEvents() };
}

test("what was saved is loaded, and nothing else is left in the folder", async () => {
  const { folder, file, emit, events } = makeFile();
  const all = [{ namespace: "default", version: "1", resolutions: [resolution("7")] }];
  expect([await file.load(emit), events]).toEqual([[], []]);
  await file.save(all);
  expect(await file.load(emit)).toEqual(all);
  expect(events).toEqual([{ type: "snapshot-loaded", file: join(folder, "defaults.json"), objectives: 1 }]);
  expect(readdirSync(folder)).toEqual(["defaults.json"]);
});

test.each(["", "{", "[]x", '[{"namespace": "default"}]', '{"__proto__": []}'])(
  "a file that holds %j is told of, and counts as none",
  async (text) => {
    const { folder, file, emit, types } = makeFile();
    writeFileSync(join(folder, "defaults.json"), text);
    expect(await file.load(emit)).toEqual([]);
    expect(types()).toEqual(["snapshot-unusable"]);
  },
);
