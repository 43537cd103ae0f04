import type { StoredResource } from "./resource.ts";

type Entry = { readonly resource: StoredResource; readonly sentAt: number };

/** Parts of its time to live after which a resource gets a heartbeat, and after which it may get one with others. */
const [due, early] = [1 / 3, 1 / 4];

/** What to tell a client of the resources that it would forget. */
export type Beat = {
  /** The client has these: name and version will do. */
  readonly alive: readonly StoredResource[];
  /** The client has forgotten these, because the heartbeat is late. */
  readonly expired: readonly StoredResource[];
};

/** The resources with a time to live that one client was sent, and when it has to hear of each again. */
export class Heartbeats {
  readonly #entries = new Map<string, Entry>();
  #nextAt: number | undefined;

  /** When the next heartbeat is due, in milliseconds since the epoch. */
  get nextAt(): number | undefined {
    return this.#nextAt;
  }

  /** These were sent now, with or without their content. */
  sent(resources: Iterable<StoredResource>, now: number): void {
    for (const resource of resources) {
      if (resource.lifetime) this.#entries.set(resource.name, { resource, sentAt: now });
      else this.#entries.delete(resource.name);
    }
    this.#update();
  }

  /** What is due now, or nearly, of the resources that the client still `holds`; the others are forgotten. */
  due(now: number, holds: (resource: StoredResource) => boolean): Beat {
    const beat = { alive: [] as StoredResource[], expired: [] as StoredResource[] };
    if (this.#nextAt === undefined || this.#nextAt > now) return beat;
    for (const [name, { resource, sentAt }] of this.#entries) {
      const ttlMs = resource.lifetime?.ttlMs ?? 0;
      if (!holds(resource)) this.#entries.delete(name);
      else if (sentAt + ttlMs <= now) beat.expired.push(resource);
      else if (sentAt + ttlMs * early <= now) beat.alive.push(resource);
    }
    this.#update();
    return beat;
  }

  #update(): void {
    let nextAt = Number.POSITIVE_INFINITY;
    for (const { resource, sentAt } of this.#entries.values()) {
      nextAt = Math.min(nextAt, sentAt + (resource.lifetime?.ttlMs ?? 0) * due);
    }
    this.#nextAt = this.#entries.size > 0 ? nextAt : undefined;
  }
}
