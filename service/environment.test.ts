import { describe, expect, test } from "vitest";
import { z } from "zod";
import { commonVariables, port, readEnvironment } from "./environment.ts";

const schema = z.object({
  ...commonVariables,
  HTTP_PORT: port(7070),
  API_TOKENS: z.string().regex(/^x*$/, "must be x").optional(),
});

function messageFor(environment: Record<string, string>): string {
  try {
    readEnvironment(schema, environment);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was accepted");
}

describe("readEnvironment", () => {
  test("gives every variable its default", () => {
    expect(readEnvironment(schema, {})).toMatchObject({
      NATS_URL: ["nats://127.0.0.1:4222"],
      SIGNALBOX_DATA: ".signalbox",
      LOG_LEVEL: "info",
      HOST: "127.0.0.1",
      HTTP_PORT: 7070,
      STORE_REPLICAS: 1,
    });
  });

  test("counts an empty variable as absent", () => {
    expect(readEnvironment(schema, { HTTP_PORT: "", HOST: "" })).toMatchObject({ HTTP_PORT: 7070, HOST: "127.0.0.1" });
  });

  test("reads several NATS servers", () => {
    expect(readEnvironment(schema, { NATS_URL: "nats://a:1, nats://b:2," }).NATS_URL).toEqual([
      "nats://a:1",
      "nats://b:2",
    ]);
  });

  test("reports every variable that is wrong at once, with its value and what is allowed", () => {
    const message = messageFor({ HTTP_PORT: "70700", LOG_LEVEL: "loud", NATS_URL: ",", STORE_REPLICAS: "2.5" });
    expect(message).toContain('HTTP_PORT="70700" must be at most 65535');
    expect(message).toContain('LOG_LEVEL="loud" must be one of trace, debug, info');
    expect(message).toContain("NATS_URL must name at least one server");
    expect(message).toContain('STORE_REPLICAS="2.5" must be a whole number');
  });

  test.each(["x", "-1", "1e9", "70 70"])("refuses %j as a port", (value) => {
    expect(messageFor({ HTTP_PORT: value })).toContain("HTTP_PORT");
  });

  test("never prints a secret", () => {
    expect(messageFor({ API_TOKENS: "hunter2" })).not.toContain("hunter2");
  });
});
