import type { EncodedResponse } from "./encoding.ts";
import type { SendBudget } from "./send-budget.ts";

export type OutboxDeps = {
  /** Hands a message to the network; `done` is called when it has left. */
  readonly write: (message: EncodedResponse, done: () => void) => void;
  readonly budget: SendBudget;
  /** Bytes that may wait for the network before no further response is made. */
  readonly maxBytes: number;
  /** Milliseconds in which the client has to read something while anything waits. */
  readonly stalledMs: number;
  /** There is room again. */
  readonly onRoom: () => void;
  /** The client has read nothing for too long. */
  readonly onStalled: (waitingBytes: number) => void;
};

/** What may wait per stream while little may wait in all. */
const tightBytes = 64 * 1024;

/** The messages of one stream on their way to a client that may be slow, or never read. */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #onRoom: () => void;
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
    this.#onRoom = () => deps.onRoom();
  }

  /** True when only a small response may be made now. */
  isTight(): boolean {
    return this.#deps.budget.isTight();
  }

  /** True when no response is to be made before `onRoom`. */
  isBehind(): boolean {
    return this.#waitingBytes >= (this.isTight() ? tightBytes : this.#deps.maxBytes);
  }

  /** Asks for `onRoom` when large responses may be made again. */
  waitForRoom(): void {
    this.#deps.budget.whenRoom(this.#onRoom);
  }

  send(message: EncodedResponse): void {
    const bytes = message.byteLength;
    this.#waitingBytes += bytes;
    this.#deps.budget.add(bytes);
    this.#timer ??= setTimeout(() => this.#deps.onStalled(this.#waitingBytes), this.#deps.stalledMs).unref();
    this.#deps.write(message, () => this.#sent(bytes));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#deps.budget.leave(this.#onRoom);
    this.#deps.budget.release(this.#waitingBytes);
    this.#waitingBytes = 0;
  }

  #sent(bytes: number): void {
    if (this.#isClosed) return;
    const wasBehind = this.isBehind();
    this.#waitingBytes -= bytes;
    this.#deps.budget.release(bytes);
    if (this.#waitingBytes > 0) this.#timer?.refresh();
    else {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    if (wasBehind) this.#deps.onRoom();
  }
}
