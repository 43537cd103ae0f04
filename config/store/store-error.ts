/** Why the store refused or failed; each has one meaning for a caller. */
export type StoreErrorCode =
  /** Another revision came since the one that the change was made from; nothing was stored. */
  | "conflict"
  /** A document, or the number of documents, is above a limit; nothing was sent. */
  | "too-large"
  /** The same document twice in one call, or another mistake of the caller; nothing was sent. */
  | "bad-request"
  /** No NATS server, or no JetStream, answers. Worth trying again. */
  | "unreachable"
  /** NATS answers and refuses this user. */
  | "denied"
  /** The NATS server is too old. */
  | "unsupported"
  /** Nobody knows whether the change was stored: the connection was lost while it was being committed. */
  | "outcome-unknown"
  /** The revision asked for is older than what the store keeps of that document. */
  | "history-lost"
  /** NATS refused for another reason, given in the message. */
  | "failed";

/** A document that changed since the revision its editor saw. Revision 0 is "does not exist". */
export type Conflict = { readonly key: string; readonly expectedRevision: number; readonly actualRevision: number };

/** Every failure of the store. `message` names the place, the value and the remedy. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  /** Filled when `code` is "conflict". */
  readonly conflicts: readonly Conflict[];

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly conflicts?: readonly Conflict[] } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "StoreError";
    this.code = code;
    this.conflicts = options.conflicts ?? [];
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
