import { expect, test } from "vitest";
import { createMetrics, latencyBucketsSeconds } from "./metrics.ts";

test("metrics are exposed in Prometheus' text format, with what runs", async () => {
  const metrics = createMetrics({ processMetrics: false, build: { process: "resolver", version: "1.2.3" } });
  metrics.counter({ name: "signalbox_test_total", help: "h", labelNames: ["code"] }).inc({ code: "ok" }, 2);
  metrics.gauge({ name: "signalbox_test_bytes", help: "h" }).set(5);
  metrics.histogram({ name: "signalbox_test_seconds", help: "h", buckets: latencyBucketsSeconds }).observe(0.002);
  const { text, contentType } = await metrics.expose();
  expect(contentType).toContain("text/plain");
  expect(text).toContain('signalbox_build_info{process="resolver",version="1.2.3"} 1');
  expect(text).toContain('signalbox_test_total{code="ok"} 2');
  expect(text).toContain("signalbox_test_bytes 5");
  expect(text).toContain('signalbox_test_seconds_bucket{le="0.0025"} 1');
});

test("each process has metrics of its own", async () => {
  const one = createMetrics({ processMetrics: false });
  const other = createMetrics({ processMetrics: false });
  one.gauge({ name: "signalbox_test_bytes", help: "h" }).set(5);
  expect((await other.expose()).text).not.toContain("signalbox_test_bytes");
});

test("memory and event-loop lag of the process are there by default", async () => {
  const { text } = await createMetrics().expose();
  expect(text).toContain("process_resident_memory_bytes");
  expect(text).toContain("nodejs_eventloop_lag_seconds");
});
