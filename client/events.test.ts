import { expect, test } from "vitest";
import { createEvents } from "./events.ts";
import { recordEvents } from "./testing.ts";

test("a listener that throws hinders neither the others nor what is told", () => {
  const { emit, types } = recordEvents();
  const events = createEvents(() => {
    throw new Error("the listener's own");
  });
  events.subscribe(emit);
  events.emit({ type: "changed" });
  expect(types()).toEqual(["changed"]);
});

test("a listener hears what comes while it is subscribed, once for each subscription", () => {
  const { emit, types } = recordEvents();
  const events = createEvents();
  const [first, second] = [events.subscribe(emit), events.subscribe(emit)];
  events.emit({ type: "changed" });
  first();
  events.emit({ type: "changed" });
  second();
  events.emit({ type: "changed" });
  expect(types()).toHaveLength(3);
});
