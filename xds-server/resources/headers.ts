/** The headers that Signalbox gives a meaning. */
export const headers = {
  routingKey: "x-routing-key",
  decision: "x-signalbox-decision",
  trafficClass: "x-signalbox-traffic-class",
  client: "x-signalbox-client",
  /** Request and response: `<model>@<version>`. */
  model: "x-signalbox-model",
  shard: "x-signalbox-shard",
  revision: "x-signalbox-revision",
  fallback: "x-signalbox-fallback",
  /** One-call mode: `<namespace>/<objective>`. */
  objective: "x-signalbox-objective",
  /** One-call mode: `<version>` or `<model>@<version>` that an authorised caller asks for. */
  override: "x-signalbox-override",
  /** One-call mode: the ObjectiveConfig as JSON in base64url. */
  config: "x-signalbox-config",
  /** Inside Envoy only: why the one-call listener refuses a request. */
  error: "x-signalbox-error",
  errorMessage: "x-signalbox-error-message",
  /** The path as the client sent it, on requests of which a copy may go to a shadow. */
  path: "x-signalbox-path",
} as const;

/** What the traffic class of a request is called that came as a copy. */
export const shadowTrafficClass = "shadow";

/** The traffic class of a request that names none. */
export const defaultTrafficClass = "real";
