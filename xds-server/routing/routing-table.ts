import type { Shard } from "../../config/documents/shard.ts";
import type { OneCallHeaders } from "../../selection/one-call/headers.ts";

/**
 * What is to be routed where, as plain data: the step between documents and Envoy resources, and the only one with
 * business rules. Maps are keyed by `<namespace>/<name>`.
 */
export type RoutingTable = {
  readonly shards: ReadonlyMap<string, ShardCluster>;
  readonly objectives: ReadonlyMap<string, ObjectiveRoutes>;
};

/** A shard: one Envoy cluster of the same name. */
export type ShardCluster = {
  readonly name: string;
  readonly spec: Shard["spec"];
  /** The health of its hosts is not checked yet. */
  readonly isUnchecked?: boolean;
  /** What its `tls` names, as far as it is there. */
  readonly secrets?: ShardSecrets;
};

/** PEM texts. */
export type ShardSecrets = {
  /** The certificate that Envoy shows, its own first, and its key. */
  readonly client?: { readonly certificate: Uint8Array; readonly key: Uint8Array };
  /** The authorities that Envoy trusts. */
  readonly ca?: Uint8Array;
};

/** The routes of one objective: one Envoy scope and RouteConfiguration of the same name. */
export type ObjectiveRoutes = {
  /** `<namespace>/<objective>` */
  readonly name: string;
  readonly namespace: string;
  readonly objective: string;
  /** The objective's revision: the highest among the documents that it depends on. */
  readonly revision: number;
  /** Every version of every model that the objective names, ascending by routing key. */
  readonly versions: readonly VersionRoute[];
  /** What a request with an unknown routing key gets; null refuses it. */
  readonly fallback: VersionRoute | null;
  /** Until the whole answer has arrived; 0 is no limit. */
  readonly timeoutMs: number;
  /** Longest silence; 0 is no limit. */
  readonly idleTimeoutMs: number;
  readonly retries: number;
  /** Envoy loads the routes at the first request for them. */
  readonly isLazy: boolean;
  readonly oneCall: OneCallRoutes;
};

/** How the one-call listener selects for an objective. */
export type OneCallRoutes = {
  /** For the Lua filter of the listener. */
  readonly program: string;
  /** Null when the program selects by itself; or else how long resolvers are asked after the program has, and what counts then. */
  readonly resolver: { readonly timeoutMs: number; readonly undecided: Undecided } | null;
};

/** What becomes of a request that no resolver has decided: it gets the default, with the headers that say so, or is refused. */
export type Undecided =
  | { readonly onFailure: "default"; readonly version: VersionRoute; readonly headers: OneCallHeaders }
  | { readonly onFailure: "reject" };

/** Where the requests with one routing key go. */
export type VersionRoute = {
  readonly routingKey: string;
  /** `<model>@<version>` */
  readonly model: string;
  /** In order; the first that matches counts. The last one matches every path. */
  readonly paths: readonly PathRule[];
  /** A gRPC client can go to its shards by itself, without an Envoy: all are gRPC, without TLS, at fixed addresses. */
  readonly isOpenToGrpcClients: boolean;
  /** At least one, in the order of the document. */
  readonly shards: readonly WeightedShard[];
  /** An operator moves the weight of a shard by the runtime key `<placementRuntimeKey>.<cluster>`. */
  readonly placementRuntimeKey: string;
  /** The other versions that get a copy of the request. */
  readonly shadows: readonly ShadowCopy[];
};

export type WeightedShard = { readonly cluster: string; readonly weight: number };

export type ShadowCopy = {
  readonly routingKey: string;
  /** 0 to 100. */
  readonly percent: number;
  /** An operator changes the percentage by this runtime key. */
  readonly runtimeKey: string;
};

/** What becomes of a client's path: `replacement` takes the place of what matched; null leaves the path as it is. */
export type PathRule = {
  readonly match: "exact" | "prefix";
  readonly path: string;
  readonly replacement: string | null;
};
