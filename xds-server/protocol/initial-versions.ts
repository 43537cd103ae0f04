import { areEqual } from "./claim.ts";
import type { DeltaRequest } from "./delta-request.ts";
import type { StoredResource } from "./resource.ts";
import type { Steps } from "./steps.ts";
import type { TypeView } from "./type-view.ts";

/** All that there is, to be compared with what a client says that it holds. */
type Comparison = {
  readonly held: ReadonlyMap<string, string>;
  readonly resources: Iterator<StoredResource>;
  /** Names that the client was sent since. */
  readonly answered: Set<string>;
};

/** What a client holds when its stream begins, by its `initial_resource_versions`, and what it lacks by them. */
export class InitialVersions {
  /** As the client of a wildcard said it; dropped with the first answer. */
  #stated: Pick<DeltaRequest, "claims" | "initialVersions"> | undefined;
  /** Names that the client holds in another version: they are sent before what changed since. */
  readonly #outdated = new Set<string>();
  #comparison: Comparison | undefined;

  /** True when the client has been sent all that it lacked. */
  get areCompared(): boolean {
    return this.#outdated.size === 0 && this.#comparison === undefined;
  }

  /** True while what the client of a wildcard holds is being compared with all that there is. */
  get isComparing(): boolean {
    return this.#comparison !== undefined;
  }

  /** Whether the client of a wildcard said that it holds something. */
  get areStated(): boolean {
    return (this.#stated?.claims?.versions.count ?? 0) > 0;
  }

  state(request: DeltaRequest): void {
    this.#stated = request;
  }

  clearStated(): void {
    this.#stated = undefined;
  }

  addOutdated(name: string): void {
    this.#outdated.add(name);
  }

  isOutdated(name: string): boolean {
    return this.#outdated.has(name);
  }

  /** Whether the client of a wildcard said that it holds everything as it is now. */
  holdAll(view: TypeView): boolean {
    const claimed = this.#stated?.claims?.versions;
    return !view.hasLifetimes && !!claimed && claimed.count > 0 && areEqual(claimed, view.claims.versions);
  }

  /**
   * Begins to compare what the client of a wildcard holds with all that there is, and gives it; undefined when there is nothing
   * to compare, because the client holds all or said nothing. Throws a `MalformedRequestError`.
   */
  compare(view: TypeView): ReadonlyMap<string, string> | undefined {
    this.#outdated.clear();
    this.#comparison = undefined;
    const held = this.holdAll(view) ? undefined : this.#stated?.initialVersions;
    if (!held?.size) return undefined;
    this.#comparison = { held, resources: view.all().values(), answered: new Set() };
    return held;
  }

  /** What the client lacks, or holds in another version; stops when the steps are used up, and later goes on from there. */
  *lacking(view: TypeView, steps: Steps): Generator<StoredResource, void> {
    for (const name of this.#outdated) {
      this.#outdated.delete(name);
      const resource = view.get(name);
      if (resource) yield resource;
    }
    while (this.#comparison && steps.take()) {
      const { held, resources, answered } = this.#comparison;
      const { value: resource, done } = resources.next();
      if (done) this.#comparison = undefined;
      else if (!isKept(resource, held.get(resource.name)) && !answered.has(resource.name)) yield resource;
    }
  }

  /** The client is sent this name, or no longer wants it: it is not to be compared. */
  noteAnswered(name: string): void {
    this.#outdated.delete(name);
    this.#comparison?.answered.add(name);
  }

  /** Forgets the names that no longer matter. */
  retain(matters: (name: string) => boolean): void {
    for (const name of this.#outdated) if (!matters(name)) this.#outdated.delete(name);
  }
}

/** What a client holds need not be sent again, unless it would forget it: heartbeats begin with what was sent on this stream. */
export function isKept({ version, lifetime }: StoredResource, heldVersion: string | undefined): boolean {
  return heldVersion === version && lifetime === undefined;
}
