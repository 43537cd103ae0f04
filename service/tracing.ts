import type { Span, Tracer } from "@opentelemetry/api";
import { messageOf } from "./errors.ts";

/** What a caller sends along: HTTP headers, or gRPC metadata as an object. */
export type TraceCarrier = Readonly<Record<string, unknown>>;

export type ServerSpan = {
  /** Such as `POST /v1/resolve`. */
  readonly name: string;
  readonly carrier: TraceCarrier;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
};

export type Tracing = {
  /**
   * Runs one request in a span that continues the caller's trace (W3C `traceparent`, `tracestate`). The span ends when
   * `run` has, with an error status when it threw; the result or error goes through.
   */
  inServerSpan<T>(span: ServerSpan, run: () => Promise<T>): Promise<T>;
  /** Sends what is left, and ends. */
  close(): Promise<void>;
};

export type TracingSettings = {
  /** `service.name` of the spans; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over it. */
  readonly name: string;
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/**
 * OpenTelemetry tracing over OTLP (HTTP, protobuf) when `OTEL_EXPORTER_OTLP_ENDPOINT` or
 * `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set; else null, and nothing of its SDK is loaded. The SDK reads its other
 * standard variables itself (headers, timeout, sampler, limits); `OTEL_SDK_DISABLED=true` turns it off.
 */
export async function startTracing({ name, version, environment }: TracingSettings): Promise<Tracing | null> {
  const endpoint = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || environment.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (!endpoint || environment.OTEL_SDK_DISABLED === "true") return null;
  const [api, exporter, sdk, resources] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/exporter-trace-otlp-proto"),
    import("@opentelemetry/sdk-trace-node"),
    import("@opentelemetry/resources"),
  ]);
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = resources;
  const own = resourceFromAttributes({ "service.name": name, "service.version": version });
  const provider = new sdk.NodeTracerProvider({
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new sdk.BatchSpanProcessor(new exporter.OTLPTraceExporter())],
  });
  // Registered for the whole process: context, and the W3C trace context and baggage propagators.
  provider.register();
  return createTracing(api, provider.getTracer("signalbox", version), () => provider.shutdown());
}

function createTracing(api: typeof import("@opentelemetry/api"), tracer: Tracer, close: () => Promise<void>): Tracing {
  return {
    inServerSpan: ({ name, carrier, attributes }, run) => {
      const parent = api.propagation.extract(api.context.active(), carrier);
      const options = { kind: api.SpanKind.SERVER, attributes };
      return tracer.startActiveSpan(name, options, parent, async (span: Span) => {
        try {
          return await run();
        } catch (error) {
          span.setStatus({ code: api.SpanStatusCode.ERROR, message: messageOf(error) });
          throw error;
        } finally {
          span.end();
        }
      });
    },
    close,
  };
}
