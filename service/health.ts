import { messageOf } from "./errors.ts";

/** What a check found. `detail` is shown in both cases: staleness, counts, what is being waited for. */
export type CheckResult =
  | { readonly ok: true; readonly detail?: object }
  | { readonly ok: false; readonly reason: string; readonly detail?: object };

/** The body of `/readyz`. */
export type Readiness = {
  readonly status: "ready" | "not_ready";
  /** Each as `<check>: <reason>`; empty when ready. */
  readonly reasons: readonly string[];
  readonly checks: Readonly<Record<string, CheckResult>>;
};

export type Health = {
  /** Adds a check that must pass for the process to be ready. It must be quick and must not wait. */
  addCheck(name: string, check: () => CheckResult): void;
  /** Runs all checks; one that throws counts as failed. */
  readiness(): Readiness;
};

/** Named checks that together say whether the process may be given work. */
export function createHealth(): Health {
  const checks = new Map<string, () => CheckResult>();
  return {
    addCheck: (name, check) => {
      checks.set(name, check);
    },
    readiness: () => {
      const results = [...checks].map(([name, check]) => [name, run(check)] as const);
      const reasons = results.flatMap(([name, result]) => (result.ok ? [] : [`${name}: ${result.reason}`]));
      return {
        status: reasons.length === 0 ? "ready" : "not_ready",
        reasons,
        checks: Object.fromEntries(results),
      };
    },
  };
}

function run(check: () => CheckResult): CheckResult {
  try {
    return check();
  } catch (error) {
    return { ok: false, reason: `the check failed: ${messageOf(error)}` };
  }
}
