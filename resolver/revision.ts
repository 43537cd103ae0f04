import { z } from "zod";
import type { StatusSource } from "../rollout/current-selection.ts";
import { type RevisionState, revisionState } from "../rollout/revision-state.ts";
import { SignalboxError } from "../service/errors.ts";

const progress = z.object({
  live: z.int().describe("Those that have it in use."),
  of: z.int().describe("Those that are alive, or connected."),
});

/** What `GET /v1/revisions/{revision}` answers. */
export const revisionSchema = z.object({
  revision: z.int(),
  state: z
    .enum(["pending", "live", "rejected", "held"])
    .describe(
      "`live`: in use everywhere. `rejected`: somebody refused it, and nothing changed. `held`: what was live before stays live, until the reason is gone. `pending`: on its way.",
    ),
  resolvers: progress,
  envoys: progress,
  reasons: z.array(
    z.object({
      process: z.enum(["resolver", "xds-server", "envoy"]),
      id: z.string().describe("Of the process; of an Envoy its node id."),
      kind: z.enum(["rejected", "held", "behind"]),
      subject: z.string().optional().describe("A document key, or an objective; absent for a whole process."),
      text: z.string(),
      since: z.string().optional(),
      heldBy: z.string().optional().describe("The key of the pin that holds it on purpose."),
    }),
  ),
}) satisfies z.ZodType<RevisionState>;

/** Where a store revision is live. */
export type RevisionOf = (revision: number, from?: number) => RevisionState;

/** Throws `not_ready` while it is not known who is alive. */
export function createRevisionOf(statuses: StatusSource | null): RevisionOf {
  return (revision, from) => {
    const processes = statuses?.current();
    if (!processes) {
      const why = statuses ? "it is not known yet which processes are alive" : "RESOLVER_ACTIVATION is immediate";
      throw new SignalboxError("not_ready", `Where a revision is live cannot be told: ${why}.`);
    }
    return revisionState(processes, { revision, ...(from === undefined ? {} : { from }) });
  };
}

/** A store revision that somebody asks for; throws `invalid_request` for anything else. */
export function checkRevision(given: string | bigint, path: string): number {
  const revision = Number(given);
  if (/^\d+$/.test(String(given)) && Number.isSafeInteger(revision)) return revision;
  const message = "must be a store revision, a whole number such as 42";
  throw new SignalboxError("invalid_request", `The request is not valid: ${path} ${message}.`, {
    problems: [{ path, message }],
  });
}
