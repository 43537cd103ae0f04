import { expect, test } from "vitest";
import { SignalboxError } from "./errors.ts";
import { createLogger, type LogLevel, logError } from "./logger.ts";

function logging(level: LogLevel) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { logger: createLogger({ name: "resolver", level, destination }), lines };
}

test("a line is an object with time, level, process, message and the event's fields", () => {
  const { logger, lines } = logging("info");
  logger.info({ revision: 7 }, "documents updated");
  expect(lines).toEqual([
    {
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      process: "resolver",
      revision: 7,
      message: "documents updated",
    },
  ]);
});

test("nothing below the level is written", () => {
  const { logger, lines } = logging("warn");
  logger.info({}, "no");
  logger.warn({}, "yes");
  expect(lines.map(({ message }) => message)).toEqual(["yes"]);
});

test("an error is logged at the level of its code, with the reason", () => {
  const { logger, lines } = logging("debug");
  logError(logger, new SignalboxError("unknown_objective", "There is no objective a/b."), "request failed", { n: 1 });
  expect(lines[0]).toMatchObject({
    level: "info",
    code: "unknown_objective",
    reason: "There is no objective a/b.",
    n: 1,
    message: "request failed",
  });
});

test("an unforeseen error is logged with what was thrown and its stack", () => {
  const { logger, lines } = logging("info");
  logError(logger, new TypeError("x is not a function"), "request failed");
  expect(lines[0]).toMatchObject({ level: "error", code: "internal", err: { type: "TypeError" } });
  expect(JSON.stringify(lines[0])).toContain("logger.test.ts");
});
