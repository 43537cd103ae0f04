import { Comparator, Range } from "semver";

/** A compiled range of semantic versions, or why it is none. */
export type VersionRange =
  | {
      readonly ok: true;
      test(version: string): boolean;
      /** A version is in the range when all comparators of one alternative hold; without comparators every version is. */
      readonly alternatives: readonly (readonly VersionComparator[])[];
    }
  | { readonly ok: false; readonly reason: string };

/** How a version must compare with another one, by the precedence of Semantic Versioning 2.0 (section 11). */
export type VersionComparator = {
  readonly operator: "<" | "<=" | ">" | ">=" | "=";
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** The pre-release identifiers, numeric ones as numbers; empty for a release. */
  readonly prerelease: readonly (string | number)[];
};

/**
 * Compiles a range such as `>=2.1.0 <3` (npm's syntax, https://github.com/npm/node-semver#ranges). Pre-releases are
 * taken in, because a context holds versions that are really in use: a bound written in full goes by precedence
 * (`2.1.0-beta` is not in `>=2.1.0`, `3.0.0-beta` is in `<3.0.0`), a shortened one means the whole release with its
 * pre-releases (`2.0.0-beta` is in `>=2`, `3.0.0-beta` is not in `<3`). A text that is no semantic version is in none.
 */
export function compileVersionRange(range: string): VersionRange {
  try {
    const compiled = new Range(range, { includePrerelease: true });
    const alternatives = compiled.set.map((comparators) => comparators.flatMap(readComparator));
    return { ok: true, test: (version) => compiled.test(version), alternatives };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** None for the comparator that every version satisfies. */
function readComparator({ operator, semver }: Comparator): VersionComparator[] {
  // The library's mark for any version stands where its types promise a version.
  if ((semver as unknown) === (Comparator as unknown as { readonly ANY: symbol }).ANY) return [];
  const { major, minor, patch, prerelease } = semver;
  return [{ operator: operator === "" || operator === undefined ? "=" : operator, major, minor, patch, prerelease }];
}
