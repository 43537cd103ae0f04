import { fromJson, type JsonObject, type Message } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registry } from "../proto/registry.ts";
import { createValidator } from "../xds-server/validation/validator.ts";
import type { Violation } from "../xds-server/validation/violation.ts";
import { type EnvoyJudge, startEnvoyJudge, type Verdict } from "./support/envoy-judge.ts";
import { judgedResources } from "./support/judged-resources.ts";
import { type Mutant, mutants } from "./support/mutations.ts";

// Each run judges one in `stride` of all mutants, from `seed` on; VALIDATION_STRIDE=1 judges all 7,300 of them.
const stride = Number(process.env.VALIDATION_STRIDE ?? 10);
const seed = Number(process.env.VALIDATION_SEED ?? Math.floor(Math.random() * stride)) % stride;

const validate = createValidator(registry);
let judge: EnvoyJudge;

beforeAll(async () => {
  console.log(`VALIDATION_SEED=${seed} VALIDATION_STRIDE=${stride}`);
  judge = await startEnvoyJudge(registry);
});
afterAll(() => judge.stop());

describe.each(judgedResources)("$type $json.name", ({ type, json }) => {
  const desc = registry.getMessage(type);
  if (!desc) throw new Error(`The registry has no ${type}.`);
  const read = (resource: JsonObject) => fromJson(desc, resource, { registry }) as Message & { readonly name: string };

  test("is valid, and Envoy takes it", async () => {
    const resource = read(json);
    expect(validate(resource)).toEqual([]);
    expect(await judge.judge(resource.name, resource)).toEqual({ kind: "taken" });
  });

  test("changed in one place is refused by the validator when Envoy's own rules refuse it, and only then", async () => {
    const disagreements: string[] = [];
    const count = { valid: 0, invalid: 0 };
    for (const [index, mutant] of [...mutants(desc, json, { registry, path: "" })].entries()) {
      const resource = index % stride === seed ? readable(read, mutant) : null;
      if (!resource) continue;
      const violations = validate(resource);
      const verdict = await judge.judge(resource.name || "unnamed", resource);
      count[violations.length > 0 ? "invalid" : "valid"]++;
      const words = disagreement(violations, verdict);
      if (words) disagreements.push(`${mutant.change}: ${words}`);
    }
    expect(disagreements).toEqual([]);
    expect(count.valid * stride).toBeGreaterThan(100);
    expect(count.invalid * stride).toBeGreaterThan(20);
  }, 300_000);
});

/** Null for what no JSON of the proto can say, such as a negative number in a field without a sign. */
function readable<T>(read: (json: JsonObject) => T, mutant: Mutant): T | null {
  try {
    return read(mutant.json);
  } catch {
    return null;
  }
}

/**
 * Null when both say the same. Envoy may refuse a valid resource for other reasons than its proto's rules, and some valid
 * ones end it (1.40: an address without content, `transparent`, `enable_mptcp` on a listener that is not bound).
 */
function disagreement(violations: readonly Violation[], verdict: Verdict): string | null {
  if (verdict.kind === "taken") {
    const refused = violations.filter((violation) => !isUncheckedByEnvoy(violation));
    return refused.length === 0 ? null : `Envoy takes it, we say ${JSON.stringify(refused)}`;
  }
  const place = verdict.kind === "refused" ? ruledField(verdict.reason) : null;
  if (place === null || violations.some(({ path }) => isAt(path, place))) return null;
  return `Envoy refuses it (${place.name}), we say ${JSON.stringify(violations)}`;
}

/** Envoy reads the message of a load-balancing policy without checking its rules. */
function isUncheckedByEnvoy({ path }: Violation): boolean {
  return /^load_balancing_policy\.policies\[\d+\]\.typed_extension_config\.typed_config\./.test(path);
}

type RuledField = { readonly name: string; readonly isCut: boolean };

/**
 * The field that breaks a rule, out of Envoy's reason: "… | caused by CookieValidationError.Name: value length …". A reason
 * starts with the whole resource and is cut at 4,096 characters; then it may end in an outer field, or inside of a name.
 */
function ruledField(reason: string): RuledField | null {
  const fields = [
    ...reason.matchAll(/\w+ValidationError\.(\w+)/g),
    ...reason.matchAll(/field: \\?"(\w+)\\?", reason/g),
  ];
  const last = fields.at(-1)?.[1];
  return last === undefined ? null : { name: plain(last), isCut: reason.endsWith("(truncated)") };
}

function isAt(path: string, { name, isCut }: RuledField): boolean {
  const steps = path
    .replaceAll(/\[[^\]]*\]/g, "")
    .split(".")
    .map(plain);
  return isCut ? steps.some((step) => step.startsWith(name)) : steps.at(-1) === name;
}

/** A field's name without what its spelling in C++ and in the proto differ in. */
function plain(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}
