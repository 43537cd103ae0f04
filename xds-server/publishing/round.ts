import type { LiveDocuments } from "../../config/live-documents.ts";

/** One update of what is published. */
export type Round = {
  /** What was published before; null at the first update, when what the documents say is taken for in use already. */
  readonly before: LiveDocuments | null;
  /** Shards to be published anew though their documents did not change. */
  readonly dueShards: ReadonlySet<string>;
  /** Shards of which something became known since the last one: what waits for them is looked at again. */
  readonly knownShards: ReadonlySet<string>;
};
