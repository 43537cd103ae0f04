import { canonicalJson } from "./canonical-json.ts";
import type { Condition } from "./documents/condition.ts";

/** A rule that can never match, and the earlier rule that always matches when it would. */
export type UnreachableRule = { readonly rule: number; readonly shadowedBy: number };

/** Beyond this many terms two conditions are compared as a whole only, so that a document cannot make this slow. */
const comparedTerms = 64;

/**
 * Finds rules that can never match because an earlier one always does: it has no condition, the same condition, or
 * fewer of the same terms (`{country: US}` before `{country: US, device: tv}`). Says nothing about conditions that
 * imply each other in other ways, nor of what stands in the place of a rule and cannot be read: null.
 */
export function unreachableRules(rules: readonly (Conditional | null)[]): UnreachableRule[] {
  const terms: Set<string>[] = [];
  const termsAt = (rule: number, when: Condition) => (terms[rule] ??= termsOf(when));
  const isShadowed = (rule: number, earlier: number) => {
    const [own, other] = [rules[rule], rules[earlier]];
    if (!own || !other) return false;
    const [when, otherWhen] = [own.when ?? always, other.when ?? always];
    return !differEvidently(when, otherWhen) && implies(termsAt(rule, when), termsAt(earlier, otherWhen));
  };
  const found: UnreachableRule[] = [];
  for (let rule = 1; rule < rules.length; rule += 1) {
    for (let earlier = 0; earlier < rule; earlier += 1) {
      if (!isShadowed(rule, earlier)) continue;
      found.push({ rule, shadowedBy: earlier });
      break;
    }
  }
  return found;
}

type Conditional = { readonly when?: Condition | undefined };

const always: Condition = {};

/**
 * Whether `other` wants an attribute to be equal to a value, and `own` plainly wants nothing of the sort: which most
 * conditions can be told apart by without writing out their terms.
 */
function differEvidently(own: Condition, other: Condition): boolean {
  if (own.and !== undefined) return false;
  for (const key of Object.keys(other)) {
    const [wanted, found] = [other[key], own[key]];
    if (wanted === undefined) continue;
    if (typeof wanted !== "object" && typeof found !== "object" && wanted !== found) return true;
  }
  return false;
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
