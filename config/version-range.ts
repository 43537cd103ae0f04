import { Range } from "semver";

/** A compiled range of semantic versions, or why it is none. */
export type VersionRange =
  | { readonly ok: true; test(version: string): boolean }
  | { readonly ok: false; readonly reason: string };

/**
 * Compiles a range such as `>=2.1.0 <3` (npm's syntax, https://github.com/npm/node-semver#ranges). Pre-releases count
 * as what they precede: `3.0.0-beta.1` is inside `<3`, because a context holds versions that are really in use. A text
 * that is no semantic version is in no range.
 */
export function compileVersionRange(range: string): VersionRange {
  try {
    const compiled = new Range(range, { includePrerelease: true });
    return { ok: true, test: (version) => compiled.test(version) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
