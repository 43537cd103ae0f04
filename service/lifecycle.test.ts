import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { type Host, runProcess, type Started } from "./lifecycle.ts";
import { createLogger } from "./logger.ts";

/** A `process` that records what is done to it. */
function fakeHost() {
  const emitter = new EventEmitter();
  const errors: string[] = [];
  const exits: number[] = [];
  const host = Object.assign(emitter, {
    stderr: { write: (text: string) => errors.push(text) },
    exit: (code: number) => void exits.push(code),
    exitCode: undefined as number | undefined,
  });
  return { host: host as unknown as Host, emitter, errors, exits, exitCode: () => host.exitCode };
}

function started(drain: (timeoutMs: number) => Promise<void>, drainTimeoutMs = 5000) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const logger = createLogger({ name: "test", level: "info", destination });
  const value: Started = { logger, drainTimeoutMs, drain };
  return { value, messages: () => lines.map(({ message }) => message) };
}

describe("a process", () => {
  test.each(["SIGTERM", "SIGINT", "disconnect"])("drains at %s and ends by itself", async (event) => {
    const { host, emitter, exits, exitCode } = fakeHost();
    const drained: number[] = [];
    const { value, messages } = started(async (timeoutMs) => void drained.push(timeoutMs));
    const over = runProcess("test", async () => value, host);
    expect(drained).toEqual([]);
    emitter.emit(event);
    await over;
    expect(drained).toEqual([5000]);
    expect(exits).toEqual([]);
    expect(exitCode()).toBeUndefined();
    expect(messages()).toEqual(["draining", "ended"]);
  });

  test("drains after a signal that came while it started", async () => {
    const { host, emitter } = fakeHost();
    let isDrained = false;
    const { value } = started(async () => {
      isDrained = true;
    });
    const starting = Promise.withResolvers<Started>();
    const over = runProcess("test", () => starting.promise, host);
    emitter.emit("SIGTERM");
    starting.resolve(value);
    await over;
    expect(isDrained).toBe(true);
  });

  test("that cannot start says why in one message and ends with code 1", async () => {
    const { host, errors, exitCode } = fakeHost();
    await runProcess("resolver", () => Promise.reject(new Error("Port 7070 is in use.")), host);
    expect(errors).toEqual(["resolver: Port 7070 is in use.\n"]);
    expect(exitCode()).toBe(1);
  });

  test("whose draining fails ends with code 1", async () => {
    const { host, emitter, exitCode } = fakeHost();
    const { value, messages } = started(() => Promise.reject(new Error("no")));
    const over = runProcess("test", async () => value, host);
    emitter.emit("SIGTERM");
    await over;
    expect(exitCode()).toBe(1);
    expect(messages()).toContain("draining failed");
  });

  test("ends at once at a second signal", async () => {
    const { host, emitter, exits } = fakeHost();
    const draining = Promise.withResolvers<void>();
    const { value } = started(() => draining.promise);
    const over = runProcess("test", async () => value, host);
    emitter.emit("SIGTERM");
    await new Promise((resolve) => setImmediate(resolve));
    emitter.emit("SIGINT");
    expect(exits).toEqual([1]);
    draining.resolve();
    await over;
  });

  test("ends with code 1 and a line in the log after an error that nobody caught", async () => {
    const { host, emitter, exits } = fakeHost();
    const { value, messages } = started(async () => undefined);
    const over = runProcess("test", async () => value, host);
    await new Promise((resolve) => setImmediate(resolve));
    emitter.emit("uncaughtException", new Error("boom"));
    expect(exits).toEqual([1]);
    expect(messages()).toEqual(["ended by an error that nobody caught"]);
    emitter.emit("SIGTERM");
    await over;
  });
});
