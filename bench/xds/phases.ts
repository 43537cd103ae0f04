import type { EventLoop, Measured, Side } from "./side.ts";

/** What was measured at one server. */
export type SideFigures = {
  readonly sync: Measured;
  /** For each change, after how many milliseconds each stream's ACK had come in, in their order. */
  readonly changes: readonly (readonly number[])[];
  /** Sent for one change to one stream. */
  readonly bytesPerChange: number;
  readonly reconnect: Measured;
  readonly cpuMs: Readonly<Record<Phase, number>>;
  /** At the end of each phase. */
  readonly rssMiB: Readonly<Record<Phase, number>>;
  /** Of a server with an event loop. */
  readonly eventLoop: Readonly<Partial<Record<Phase, EventLoop>>>;
};

type Phase = "sync" | "changes" | "reconnect";

export type PhaseOptions = { readonly streams: number; readonly changes: number; readonly changeSeconds: number };

/** Measures each phase at one side after the other, and the changes in turn, so that a drift of the machine meets all. */
export async function comparePhases(sides: readonly Side[], options: PhaseOptions): Promise<SideFigures[]> {
  const recorders = sides.map(recorder);
  const syncs: Measured[] = [];
  for (const [index, side] of sides.entries()) {
    syncs.push(await side.sync());
    await side.verify();
    await recorders[index]?.end("sync");
  }
  const { made, bytes } = await changeInTurn(sides, options);
  const reconnects: Measured[] = [];
  for (const side of sides) await side.verify();
  for (const recorded of recorders) await recorded.end("changes");
  for (const [index, side] of sides.entries()) {
    reconnects.push(await side.reconnect());
    await side.verify();
    await recorders[index]?.end("reconnect");
  }
  return sides.map((_, index) => {
    const [sync, reconnect, recorded] = [syncs[index], reconnects[index], recorders[index]];
    if (!sync || !reconnect || !recorded) throw new Error("a phase was not measured");
    const [changes = [], sent = 0] = [made[index], bytes[index]];
    return { sync, reconnect, changes, bytesPerChange: sent / changes.length / options.streams, ...recorded.figures };
  });
}

async function changeInTurn(sides: readonly Side[], { changes, changeSeconds }: PhaseOptions) {
  const before = await Promise.all(sides.map((side) => side.totals()));
  const made = sides.map((): (readonly number[])[] => []);
  const endsAt = performance.now() + changeSeconds * 1000;
  for (let change = 0; change < changes && performance.now() < endsAt; change++) {
    for (const [index, side] of sides.entries()) made[index]?.push(await side.change());
  }
  const after = await Promise.all(sides.map((side) => side.totals()));
  const bytes = after.map((totals, index) => totals.readBytes - (before[index]?.readBytes ?? Number.NaN));
  return { made, bytes };
}

/** Takes down what a side spent in each phase. */
function recorder(side: Side) {
  const cpuMs = { sync: 0, changes: 0, reconnect: 0 };
  const rssMiB = { sync: 0, changes: 0, reconnect: 0 };
  const eventLoop: Partial<Record<Phase, EventLoop>> = {};
  let cpuBefore = 0;
  return {
    figures: { cpuMs, rssMiB, eventLoop },
    end: async (phase: Phase) => {
      const cpu = await side.cpuMs();
      cpuMs[phase] = cpu - cpuBefore;
      cpuBefore = cpu;
      rssMiB[phase] = side.rssMiB();
      const loop = await side.eventLoop();
      if (loop) eventLoop[phase] = loop;
    },
  };
}
