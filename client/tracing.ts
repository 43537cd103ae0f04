import { type Attributes, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { messageOf } from "./client-error.ts";

/**
 * Runs a call to the outside in a client span of the tracer `signalbox`, a child of the caller's. It ends when `run` has,
 * with an error status when that threw. Without an OpenTelemetry SDK in the process it does nothing.
 */
export function inSpan<T>(name: string, attributes: Attributes, run: (span: Span) => Promise<T>): Promise<T> {
  const tracer = trace.getTracer("signalbox");
  return tracer.startActiveSpan(name, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    try {
      return await run(span);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The headers that carry the current span on, such as `traceparent`. */
export function inject(): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier;
}
