import {
  Counter,
  type CounterConfiguration,
  collectDefaultMetrics,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  type HistogramConfiguration,
  Registry,
} from "prom-client";

export type { Counter, Gauge, Histogram } from "prom-client";

/** A name with its unit: `signalbox_resolver_request_duration_seconds`, `signalbox_documents_revision`. */
export type MetricName = `signalbox_${string}`;
type Named<T> = Omit<T, "name" | "registers"> & { readonly name: MetricName };

/** The metrics of one process, in a registry of their own. Labels must have few values: no unit, no context, no key. */
export type Metrics = {
  counter<L extends string>(configuration: Named<CounterConfiguration<L>>): Counter<L>;
  gauge<L extends string>(configuration: Named<GaugeConfiguration<L>>): Gauge<L>;
  histogram<L extends string>(configuration: Named<HistogramConfiguration<L>>): Histogram<L>;
  /** Everything in Prometheus' text format. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
};

export type MetricsSettings = {
  /** Also `process_*` and `nodejs_*`: memory, CPU, event-loop lag, garbage collection. True by default. */
  readonly processMetrics?: boolean;
  /** Becomes `signalbox_build_info{process,version} 1`. */
  readonly build?: { readonly process: string; readonly version: string };
};

export function createMetrics({ processMetrics = true, build }: MetricsSettings = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (processMetrics) collectDefaultMetrics({ register: registry });
  if (build) {
    new Gauge({
      name: "signalbox_build_info",
      help: "Always 1; the labels say what runs.",
      labelNames: ["process", "version"],
      registers,
    }).set(build, 1);
  }
  return {
    counter: (configuration) => new Counter({ ...configuration, registers }),
    gauge: (configuration) => new Gauge({ ...configuration, registers }),
    histogram: (configuration) => new Histogram({ ...configuration, registers }),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** Histogram buckets, in seconds, for what usually takes between a tenth of a millisecond and a second. */
export const latencyBucketsSeconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
