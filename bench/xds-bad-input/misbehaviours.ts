/** What a client does that no client should, and what stands for it in a table. */
export const misbehaviours = {
  garbage: "streams that send garbage, 8 at a time",
  tooLarge: "requests of more than 64 MiB, one after the other",
  large: "requests of 64 MiB, for as many names as are taken, one after the other",
  heldVersions: "a client that comes back with 500,000 versions that nobody has, again and again",
  names: "requests for a million names, one after the other",
  neverReads: "50 clients that ask for everything and never read",
  nacks: "20 clients that refuse everything",
  flood: "new streams without a request, as fast as they come",
} as const;

export type Misbehaviour = keyof typeof misbehaviours;

/** What came of it: streams opened, and how many of them ended with which gRPC status (or `reset`). */
export type Tally = { readonly opened: number; readonly ended: Readonly<Record<string, number>> };
