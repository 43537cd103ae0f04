import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { errorMeanings, messageOf, SignalboxError } from "./errors.ts";

describe("the table of error codes", () => {
  test.each(Object.entries(errorMeanings))("%s has an error status of HTTP and of gRPC", (_code, meaning) => {
    expect(meaning.httpStatus).toBeGreaterThanOrEqual(400);
    expect(meaning.httpStatus).toBeLessThan(600);
    expect(meaning.grpcStatus).not.toBe(status.OK);
  });

  test("only what may succeed later is retryable, and tells gRPC clients UNAVAILABLE", () => {
    const retryable = Object.values(errorMeanings).filter((meaning) => meaning.retryable);
    expect(retryable.map(({ grpcStatus }) => grpcStatus)).toEqual([status.UNAVAILABLE]);
  });

  test("failures of our own are logged as errors, those of callers below", () => {
    expect(errorMeanings.internal.logLevel).toBe("error");
    expect(errorMeanings.invalid_request.logLevel).toBe("info");
  });
});

describe("SignalboxError", () => {
  test("sends its code, message and problems, and never its cause", () => {
    const cause = new Error("password=hunter2");
    const error = new SignalboxError("invalid_request", "no", { cause, problems: [{ path: "a", message: "is b" }] });
    const body = error.toBody();
    expect(body).toEqual({
      code: "invalid_request",
      message: "no",
      problems: [{ path: "a", message: "is b" }],
      retryable: false,
    });
    expect(error.cause).toBe(cause);
  });

  test("leaves problems out when there are none", () => {
    expect(new SignalboxError("not_ready", "wait").toBody()).toEqual({
      code: "not_ready",
      message: "wait",
      retryable: true,
    });
  });

  test("made from anything thrown is internal and tells nothing of it", () => {
    for (const thrown of [new TypeError("secret"), "secret", { secret: 1 }, null, undefined]) {
      const error = SignalboxError.from(thrown);
      expect(error.code).toBe("internal");
      expect(JSON.stringify(error.toBody())).not.toContain("secret");
      expect(error.cause).toBe(thrown);
    }
  });

  test("made from one of its own is that one", () => {
    const error = new SignalboxError("not_found", "x");
    expect(SignalboxError.from(error)).toBe(error);
  });
});

test("the text of anything thrown is its message or itself", () => {
  expect([new Error("a"), "b", 3].map(messageOf)).toEqual(["a", "b", "3"]);
});
