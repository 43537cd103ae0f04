import { formatProblem } from "../config/problem.ts";
import type { FollowEvent } from "../config/store/follower-status.ts";
import type { Logger } from "../service/logger.ts";

/** One log line for each event of the documents. */
export function logDocumentEvent(logger: Logger, event: FollowEvent): void {
  switch (event.type) {
    case "rejected": {
      const { key, revision, problems } = event.rejection;
      logger.warn(
        { key, revision, problems: problems.map(formatProblem) },
        "document rejected; its last good one stays",
      );
      return;
    }
    case "disconnected":
    case "snapshot-unusable":
    case "snapshot-not-written":
    case "stream-replaced":
      logger.warn({ ...event }, `documents: ${event.type}`);
      return;
    case "listener-failed":
    case "settle-failed":
      logger.error({ ...event, error: undefined, err: event.error }, `documents: ${event.type}`);
      return;
    case "updated":
      logger.debug({ ...event }, "documents: updated");
      return;
    case "snapshot-loaded":
    case "connected":
    case "ready":
    case "caught-up":
      logger.info({ ...event }, `documents: ${event.type}`);
      return;
    default:
      event satisfies never;
  }
}
