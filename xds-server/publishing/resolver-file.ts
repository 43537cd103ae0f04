import { z } from "zod";
import { type ProcessStatus, processStatusSchema } from "../../rollout/process-status.ts";
import type { Silence } from "../../rollout/process-table.ts";
import { type JsonFile, openJsonFile } from "../json-file.ts";

const fileSchema = z.record(z.string(), z.object({ status: processStatusSchema, silentMs: z.number() }));

type Resolvers = z.output<typeof fileSchema>;

/** Silence is written down to the minute, too short rather than too long, so that it does not change all the time. */
const silenceStepMs = 60_000;

/**
 * Keeps what the resolvers said last on disk, so that one that is cut off is remembered by the next process, too. What it says
 * may be a second old: a resolver only moves forward, so that it seems to answer from no more than it does.
 */
export function openResolverFile(deps: {
  readonly file: string;
  readonly silences: () => ReadonlyMap<string, Silence>;
  readonly onProblem: (error: unknown) => void;
}): JsonFile<Resolvers> {
  const { file, silences, onProblem } = deps;
  return openJsonFile({
    ...{ file, schema: fileSchema, onProblem },
    value: () => resolversOf(silences()),
    delayMs: 1000,
  });
}

function resolversOf(silences: ReadonlyMap<string, Silence>): Resolvers {
  const resolvers = [...silences].filter(([, { status }]) => status.process === "resolver");
  return Object.fromEntries(
    resolvers.map(([key, { status, silentMs }]) => {
      return [key, { status: withoutTexts(status), silentMs: Math.floor(silentMs / silenceStepMs) * silenceStepMs }];
    }),
  );
}

/** What it answers from; not why. */
function withoutTexts(status: ProcessStatus): ProcessStatus {
  const { rollout, ...rest } = status;
  const held = rollout?.held.map((each) => ({ ...each, reason: "", since: "" })) ?? [];
  return { ...rest, rejections: [], ...(rollout ? { rollout: { ...rollout, held } } : {}) };
}
