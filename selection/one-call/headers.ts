import type { Decision } from "../decision.ts";
import { type ObjectiveConfig, resolutionOf } from "../resolution.ts";

/** Bytes of `x-signalbox-config`; model servers often take no more than 16 KiB of headers in all. */
export const maxConfigHeaderBytes = 8192;

/** What a one-call request gets on its way to the model. */
export type OneCallHeaders = {
  readonly routingKey: string;
  /** The ObjectiveConfig as JSON in base64url. */
  readonly config: string;
  readonly decision: string;
};

// Decisions live as long as the compiled objective.
const made = new WeakMap<Decision, OneCallHeaders>();

/** The headers of a decision; parameters too large for {@link maxConfigHeaderBytes} are left out, and the config says so. */
export function oneCallHeaders(decision: Decision): OneCallHeaders {
  const known = made.get(decision);
  if (known) return known;
  const { routingKey, headers, config } = resolutionOf(decision);
  const value = { routingKey, config: encodeConfig(config), decision: headers["x-signalbox-decision"] ?? "" };
  made.set(decision, value);
  return value;
}

function encodeConfig(config: ObjectiveConfig): string {
  const whole = base64url(config);
  if (whole.length <= maxConfigHeaderBytes) return whole;
  const { model, version, variant, rule } = config;
  return base64url({ model, version, variant, rule, parameters: {}, parametersOmitted: true });
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
}
