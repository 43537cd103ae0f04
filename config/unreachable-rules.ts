import { canonicalJson } from "./canonical-json.ts";
import type { Condition } from "./documents/condition.ts";

/** A rule that can never match, and the earlier rule that always matches when it would. */
export type UnreachableRule = { readonly rule: number; readonly shadowedBy: number };

/** Beyond this many terms two conditions are compared as a whole only, so that a document cannot make this slow. */
const comparedTerms = 64;

/**
 * Finds rules that can never match because an earlier one always does: it has no condition, the same condition, or
 * fewer of the same terms (`{country: US}` before `{country: US, device: tv}`). Says nothing about conditions that
 * imply each other in other ways.
 */
export function unreachableRules(rules: readonly { readonly when?: Condition | undefined }[]): UnreachableRule[] {
  const terms = rules.map(({ when }) => termsOf(when ?? {}));
  return terms.flatMap((own, rule) => {
    const shadowedBy = terms.findIndex((earlier, index) => index < rule && implies(own, earlier));
    return shadowedBy === -1 ? [] : [{ rule, shadowedBy }];
  });
}

/** Whether whoever meets all terms of `own` also meets all terms of `other`. */
function implies(own: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  if (other.size > own.size) return false;
  if (other.size > comparedTerms && other.size !== own.size) return false;
  for (const term of other) if (!own.has(term)) return false;
  return true;
}

/** The terms that must all hold, written so that equal terms are equal texts; an `and` is the terms of its parts. */
function termsOf(condition: Condition): Set<string> {
  const terms = new Set<string>();
  for (const [key, test] of Object.entries(condition)) {
    if (test === undefined) continue;
    if (key === "and") for (const part of condition.and ?? []) for (const term of termsOf(part)) terms.add(term);
    else if (key === "or") addAlternatives(terms, condition.or ?? []);
    else if (typeof test !== "object") terms.add(JSON.stringify([key, "eq", test]));
    else if (key === "not") terms.add(canonicalJson([key, "not", test]));
    else for (const [operator, value] of Object.entries(test)) terms.add(canonicalJson([key, operator, value]));
  }
  return terms;
}

/** An `or` with a part that is always true is always true; otherwise it is one term. */
function addAlternatives(terms: Set<string>, parts: readonly Condition[]): void {
  if (parts.some((part) => termsOf(part).size === 0)) return;
  terms.add(canonicalJson(["or", parts]));
}
