import { createAttached } from "../config/attached.ts";
import type { Decision } from "../selection/decision.ts";
import { evaluateFlag } from "../selection/flag.ts";
import type { Labels } from "../selection/labels.ts";
import { hasLabels, resolutionOf } from "../selection/resolution.ts";

// Written once for each decision, and kept as long as the decision: a namespace may have thousands of flags.
const written = createAttached<Decision, string>();

/** An objective's whole answer as an OpenFeature flag, as JSON. */
export function flagJson(decision: Decision, labels: Labels): string {
  if (hasLabels(labels)) return writeFlag(decision, labels);
  const known = written.get(decision);
  if (known !== undefined) return known;
  const json = writeFlag(decision, {});
  written.set(decision, json);
  return json;
}

function writeFlag(decision: Decision, labels: Labels): string {
  const resolution = resolutionOf(decision, labels);
  const key = decision.objective.slice(decision.objective.indexOf("/") + 1);
  return JSON.stringify({ key, ...evaluateFlag(resolution, "") });
}
