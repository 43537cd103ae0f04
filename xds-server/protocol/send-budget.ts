/** Bytes that wait for the network in all streams together. */
export type SendBudget = {
  /** True when so much waits that streams should make small responses only. */
  isTight(): boolean;
  add(bytes: number): void;
  release(bytes: number): void;
  /** Calls `listener`, once, when there is room again. */
  whenRoom(listener: () => void): void;
  /** Forgets a listener. */
  leave(listener: () => void): void;
};

export function createSendBudget(maxBytes: number): SendBudget {
  let waitingBytes = 0;
  let listeners = new Set<() => void>();
  return {
    isTight: () => waitingBytes >= maxBytes,
    add: (bytes) => {
      waitingBytes += bytes;
    },
    release: (bytes) => {
      waitingBytes -= bytes;
      if (waitingBytes >= maxBytes || listeners.size === 0) return;
      const called = listeners;
      listeners = new Set();
      for (const listener of called) listener();
    },
    whenRoom: (listener) => void listeners.add(listener),
    leave: (listener) => void listeners.delete(listener),
  };
}
