import { Range } from "semver";

/** A compiled range of semantic versions, or why it is none. */
export type VersionRange =
  | { readonly ok: true; test(version: string): boolean }
  | { readonly ok: false; readonly reason: string };

/**
 * Compiles a range such as `>=2.1.0 <3` (npm's syntax, https://github.com/npm/node-semver#ranges). Pre-releases are
 * taken in, because a context holds versions that are really in use: a bound written in full goes by precedence
 * (`2.1.0-beta` is not in `>=2.1.0`, `3.0.0-beta` is in `<3.0.0`), a shortened one means the whole release with its
 * pre-releases (`2.0.0-beta` is in `>=2`, `3.0.0-beta` is not in `<3`). A text that is no semantic version is in none.
 */
export function compileVersionRange(range: string): VersionRange {
  try {
    const compiled = new Range(range, { includePrerelease: true });
    return { ok: true, test: (version) => compiled.test(version) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
