import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processIdentity } from "./process-identity.ts";

/** A started process as the file `<folder>/<name>.json` remembers it, so that a run after a crash can end what is left. */
type RunRecord = { readonly name: string; readonly processId: number; readonly identity: string };

export type RunRecords = {
  /** Remembers a process that was started just now. */
  add(name: string, processId: number): void;
  remove(name: string): void;
  /** The process of that name when it is alive still, and provably the one that was remembered. */
  alive(name: string): number | null;
  /** Ends every remembered process that is alive still (SIGTERM, after 5 s SIGKILL) and answers with their names. */
  endLeftovers(): Promise<string[]>;
};

export function createRunRecords(folder: string): RunRecords {
  mkdirSync(folder, { recursive: true });
  const file = (name: string) => join(folder, `${name}.json`);
  const alive = (name: string) => {
    const record = readRecord(file(name));
    return record && processIdentity(record.processId) === record.identity ? record.processId : null;
  };
  const remove = (name: string) => rmSync(file(name), { force: true });
  return {
    add: (name, processId) => {
      const identity = processIdentity(processId);
      if (identity) writeFileSync(file(name), JSON.stringify({ name, processId, identity } satisfies RunRecord));
    },
    remove,
    alive,
    endLeftovers: async () => {
      const names = readdirSync(folder)
        .filter((entry) => entry.endsWith(".json"))
        .map((entry) => entry.slice(0, -".json".length));
      const left = names.filter((name) => alive(name) !== null);
      await Promise.all(left.map((name) => end(() => alive(name))));
      for (const name of names) remove(name);
      return left;
    },
  };
}

async function end(alive: () => number | null): Promise<void> {
  for (const [signal, waitMs] of [
    ["SIGTERM", 5000],
    ["SIGKILL", 2000],
  ] as const) {
    const processId = alive();
    if (processId === null) return;
    process.kill(processId, signal);
    for (let waited = 0; waited < waitMs && alive() !== null; waited += 50) await sleep(50);
  }
}

function readRecord(path: string): RunRecord | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as RunRecord;
  } catch {
    return null;
  }
}
