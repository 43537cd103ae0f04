import { z } from "zod";
import { describeValue } from "../../config/describe-value.ts";
import { name as documentName } from "../../config/documents/common.ts";
import { listed } from "../../config/nearest.ts";
import { parseText } from "../../config/parse-text.ts";

/** Which namespaces a client may read. */
export type Allowed = ReadonlySet<string> | "all";

/** Who may read what; an identity that no rule names may read nothing. */
export type AccessPolicy = {
  /** What the rules for any of these identities allow together; undefined when there is no rule for one. */
  allowedFor(identities: readonly string[]): Allowed | undefined;
};

const identity = z.string().regex(
  // A SPIFFE id, /* at its end for all below it; or a DNS name, *. at its start for one label more.
  /^(spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)*(\/\*)?|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/,
  {
    error: ({ input }) =>
      "must be a SPIFFE id such as spiffe://example.org/edge, with /* at its end for all that is below it, or a DNS name in " +
      `lower case such as edge.example.org, with *. in front for one label more; found ${describeValue(input)}`,
  },
);

const rule = z.strictObject({
  identity,
  namespaces: z.union([z.literal("*"), z.array(documentName).min(1, "must name a namespace; found an empty list")], {
    error: ({ input }) => `must be a list of namespaces, or "*" for all of them; found ${describeValue(input)}`,
  }),
});
type Rule = z.output<typeof rule>;

/**
 * Reads a policy: a YAML list of `{ identity, namespaces }`. Throws with every problem, each with its line; `file` is what the
 * message calls it.
 */
export function parseAccessPolicy(text: string, file: string): AccessPolicy {
  const problems: string[] = [];
  const rules: Rule[] = [];
  for (const { value, faults, line, lineOf } of parseText(text, "yaml")) {
    problems.push(...faults.map((fault) => `${file}:${fault.line}: ${fault.message}`));
    if (faults.length > 0) continue;
    const parsed = rule.safeParse(value);
    if (parsed.success) rules.push(parsed.data);
    else {
      for (const { path, message } of parsed.error.issues) {
        const where = path.join(".");
        problems.push(`${file}:${lineOf(where) ?? line}: ${where === "" ? "" : `${where} `}${message}`);
      }
    }
  }
  if (rules.length === 0 && problems.length === 0) {
    problems.push(`${file}: holds no rule; a rule has an identity and namespaces`);
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return { allowedFor: (identities) => join(rules.filter((each) => identities.some((one) => isMeant(each, one)))) };
}

function isMeant({ identity: pattern }: Rule, one: string): boolean {
  if (pattern.startsWith("spiffe://")) {
    return pattern.endsWith("/*") ? one.startsWith(pattern.slice(0, -1)) : one === pattern;
  }
  if (!pattern.startsWith("*.")) return one === pattern;
  // As in TLS, the star stands for exactly one label.
  return !one.includes("://") && one.slice(one.indexOf(".") + 1) === pattern.slice(2) && one.includes(".");
}

function join(rules: readonly Rule[]): Allowed | undefined {
  if (rules.length === 0) return undefined;
  const namespaces = new Set<string>();
  for (const { namespaces: own } of rules) {
    if (own === "*") return "all";
    for (const each of own) namespaces.add(each);
  }
  return namespaces;
}

/** For messages. */
export function describeAllowed(allowed: Allowed): string {
  return allowed === "all" ? "every namespace" : listed([...allowed].sort());
}
