import { expect, test } from "vitest";
import { processIdentity } from "./process-identity.ts";

const at = (milliseconds: number) => () => new Date(milliseconds);

test("a process that is started again in the same place is the same one, unless each life is to count", () => {
  expect(processIdentity(at(1)).id).toBe(processIdentity(at(2)).id);
  expect(processIdentity(at(1), "life").id).not.toBe(processIdentity(at(2), "life").id);
  expect(processIdentity(at(1), "life").id).toContain(processIdentity(at(1)).id);
});
