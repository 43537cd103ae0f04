import { createAttached } from "../../config/attached.ts";
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
const made = createAttached<Decision, OneCallHeaders>();

/** The headers of a decision; parameters too large for {@link maxConfigHeaderBytes} are left out, and the config says so. */
export function oneCallHeaders(decision: Decision): OneCallHeaders {
  const known = made.get(decision);
  if (known) return known;
  const { routingKey, headers, config } = resolutionOf(decision);
  const value = { routingKey, config: base64url(configJson(config)), decision: headers["x-signalbox-decision"] ?? "" };
  made.set(decision, value);
  return value;
}

/**
 * What follows `"parameters":` in the JSON of a decision's config, up to its last brace: the parameters, or, where they are too
 * large, none, and that they were left out.
 */
export function parametersInConfig(decision: Decision): string {
  const json = configJson(resolutionOf(decision).config);
  return json.slice(json.indexOf(parametersName) + parametersName.length, -1);
}

const parametersName = '"parameters":';

function configJson(config: ObjectiveConfig): string {
  const whole = JSON.stringify(config);
  if (base64url(whole).length <= maxConfigHeaderBytes) return whole;
  const { model, version, variant, rule } = config;
  return JSON.stringify({ model, version, variant, rule, parameters: {}, parametersOmitted: true });
}

function base64url(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}
