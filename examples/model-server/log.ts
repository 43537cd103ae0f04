/** Writes one JSON line. */
export type Log = (message: string, facts: Readonly<Record<string, unknown>>) => void;

/** A log on the standard output. */
export function createLog(now: () => Date, write: (line: string) => void): Log {
  return (message, facts) => write(`${JSON.stringify({ time: now().toISOString(), message, ...facts })}\n`);
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Who asked, and whether it was for real: what Signalbox tells a model server in headers. */
export function requestFacts(headers: Headers): Record<string, unknown> {
  return {
    trafficClass: headers["x-signalbox-traffic-class"],
    client: headers["x-signalbox-client"],
    routingKey: headers["x-routing-key"],
    decision: headers["x-signalbox-decision"],
    requestId: headers["x-request-id"],
  };
}
