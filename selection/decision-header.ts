import type { Decision } from "./decision.ts";

type DecisionFields = Pick<Decision, "objective" | "rule" | "variant" | "model" | "version" | "revision" | "reason">;

/**
 * The value of `x-signalbox-decision`: `;` between fields, `=` between a name and its value, in this order:
 *
 *     objective=default/quickstart;rule=canary;variant=stable;model=digits@7;revision=42;reason=rule
 *
 * `variant` is left out where nothing was split; `reason` is `rule`, `default`, `unit_missing`, `experiment` or
 * `override`, the last followed by `override=true`. In a value, everything but letters, digits and `-._~/@:` is percent-encoded as UTF-8
 * (RFC 3986), so that `;` and `=` always separate.
 */
export function formatDecisionHeader(decision: DecisionFields): string {
  const { objective, rule, variant, model, version, revision, reason } = decision;
  const fields: [string, string][] = [
    ["objective", objective],
    ["rule", rule],
    ...(variant === null ? [] : [["variant", variant] satisfies [string, string]]),
    ["model", `${model}@${version}`],
    ["revision", String(revision)],
    ["reason", reason],
    ...(reason === "override" ? [["override", "true"] satisfies [string, string]] : []),
  ];
  return fields.map(([field, value]) => `${field}=${encode(value)}`).join(";");
}

function encode(value: string): string {
  const escaped = encodeURIComponent(value.toWellFormed());
  return escaped
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(2F|40|3A)/g, (_match, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
