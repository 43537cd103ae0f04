import { describe, expect, test } from "vitest";
import { withParameters } from "./with-parameters.ts";

const json = "application/json";
const send = (body: string, parameters: Record<string, unknown>, type = json) =>
  Buffer.from(withParameters(Buffer.from(body), type, parameters)).toString("utf8");

describe("the parameters of a request", () => {
  test("are added to the body, whose own win and whose numbers keep their digits", () => {
    const body = '{"parameters":{"a":1.0},"inputs":[{"data":[9007199254740993,1e3,0.10]}]}';
    expect(send(body, { a: 2, b: "x" })).toBe(
      '{"parameters":{"a":1.0,"b":"x"},"inputs":[{"data":[9007199254740993,1e3,0.10]}]}',
    );
    expect(send('{"inputs":[]}', { a: 2 })).toBe('{"inputs":[],"parameters":{"a":2}}');
  });

  test("leave alone what has no place for them, and everything when there are none", () => {
    for (const body of ["[1]", "null", "text", '{"parameters":"mine"}', ""]) expect(send(body, { a: 1 })).toBe(body);
    expect(send("{ }", { a: 1 }, "text/plain")).toBe("{ }");
    expect(send("{ }", {})).toBe("{ }");
  });
});
