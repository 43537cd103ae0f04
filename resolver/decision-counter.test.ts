import { expect, test } from "vitest";
import { KeptDecision } from "../selection/kept-decision.ts";
import { createMetrics } from "../service/metrics.ts";
import { createDecisionCounter } from "./decision-counter.ts";
import { decision as plain } from "./testing.ts";

const labels = 'namespace="default",objective="ranking",model="ranker",version="7",reason="rule"';

const decision = new KeptDecision(plain);

test("decisions are counted by model version and traffic class, and each once", async () => {
  const metrics = createMetrics({ processMetrics: false });
  const count = createDecisionCounter(metrics);
  const read = async () => (await metrics.expose()).text;
  count(decision, "real");
  count(decision, "real");
  count(decision, "shadow");
  const first = await read();
  expect(first).toContain(`signalbox_resolver_decisions_total{${labels},traffic_class="real"} 2`);
  expect(first).toContain(`signalbox_resolver_decisions_total{${labels},traffic_class="shadow"} 1`);
  expect(await read()).toBe(first);
  count(decision, "real");
  count(plain, "real");
  expect(await read()).toContain(`{${labels},traffic_class="real"} 4`);
});
