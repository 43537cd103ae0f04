import type { Logger } from "./logger.ts";

/** Logs whether the statuses of the other processes can be watched: takes why they cannot, or null when they can again. */
export function observeStatusWatch(logger: Logger): (reason: string | null) => void {
  return (reason) => {
    if (reason === null) logger.info({}, "the statuses of the processes are watched again");
    else logger.warn({ reason }, "the statuses of the processes cannot be watched; what is active stays active");
  };
}
