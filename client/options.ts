import { z } from "zod";
import type { CellSource } from "../cells/cell-source.ts";
import { name } from "../config/documents/common.ts";
import { explainIssue, problemsOfIssues } from "../config/explain-issue.ts";
import { formatPath } from "../config/field-path.ts";
import { clientName, trafficClasses } from "../selection/labels.ts";
import { SignalboxClientError } from "./client-error.ts";
import type { EventListener } from "./events.ts";

const milliseconds = z.number().min(0).max(86_400_000);

function url(protocols: readonly string[], example: string) {
  return z.string().refine((text) => isUrl(text, protocols), `must be a URL such as ${example}`);
}

const resolver = url(["http:", "https:", "grpc:", "grpcs:"], "http://127.0.0.1:7070 or grpc://127.0.0.1:7071");
const server = z.string().min(1);

const cells = z.strictObject({
  source: z.custom<string | CellSource>(
    (value) => typeof value === "function" || (typeof value === "string" && isUrl(value, ["http:", "https:"])),
    "must be a URL such as http://127.0.0.1:8080/cells, or a function that answers a question with a list of cells",
  ),
  timeoutMs: milliseconds.min(1).default(20),
  ttlMs: milliseconds.default(60_000),
  maxUnits: z.int().min(1).max(10_000_000).default(100_000),
});

const schema = z
  .strictObject({
    namespace: name.default("default"),
    resolverUrl: z
      .union([resolver, z.array(resolver).min(1)], "must be a URL such as http://127.0.0.1:7070, or a list of them")
      .optional(),
    token: z.string().min(1).optional(),
    nats: z
      .union(
        [
          server,
          z.array(server).min(1),
          z.strictObject({
            servers: z.union([server, z.array(server).min(1)]),
            credentialsFile: z.string().optional(),
            bucket: z.string().optional(),
            statusBucket: z.string().optional(),
            activation: z.enum(["acknowledged", "immediate"]).optional(),
            group: z.string().min(1).optional(),
            heartbeat: z.boolean().optional(),
          }),
        ],
        "must be a server such as nats://127.0.0.1:4222, a list of them, or { servers, credentialsFile, bucket, statusBucket, activation, group, heartbeat }",
      )
      .optional(),
    cells: z
      .preprocess(
        (value) => (typeof value === "string" || typeof value === "function" ? { source: value } : value),
        cells.optional(),
      )
      .optional(),
    snapshotFolder: z.string().min(1).optional(),
    envoyUrl: url(["http:", "https:"], "http://127.0.0.1:10000").optional(),
    client: z.string().regex(clientName, "must be 1 to 63 letters, digits, dots, hyphens or underscores").optional(),
    trafficClass: z.enum(trafficClasses).optional(),
    timeoutMs: milliseconds.min(1).default(500),
    staleMs: milliseconds.default(3000),
    maxCachedAnswers: z.int().min(0).max(10_000_000).default(10_000),
    defaultsRefreshMs: milliseconds.min(100).default(30_000),
    onEvent: z.custom<EventListener>((value) => typeof value === "function", "must be a function").optional(),
    fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === "function", "must be a function").optional(),
  })
  .superRefine(({ nats, resolverUrl, snapshotFolder, cells }, ctx) => {
    const report = (path: string[], message: string) => ctx.addIssue({ code: "custom", path, message });
    if ((nats === undefined) === (resolverUrl === undefined)) {
      report([], "must have exactly one of nats (decide in this process) and resolverUrl (ask resolvers)");
    }
    if (nats !== undefined && snapshotFolder === undefined) {
      report(
        ["snapshotFolder"],
        "is needed with nats: a folder of this process alone, from which it starts when NATS is away",
      );
    }
    if (nats === undefined && cells !== undefined) {
      report(["cells"], "is for nats (decide in this process): resolvers ask the platform of their RESOLVER_CELLS_URL");
    }
  });

/** What a client is made with. Exactly one of `nats` and `resolverUrl` must be given. */
export type SignalboxOptions = {
  /** The tenant; `default` when absent. */
  readonly namespace?: string;
  /**
   * Remote mode: the resolvers, such as `http://127.0.0.1:7070` or `grpc://127.0.0.1:7071` (`https://` and `grpcs://` with
   * TLS). Each call asks one of them; another one when it fails or is slow.
   */
  readonly resolverUrl?: string | readonly string[];
  /** Remote mode: the bearer token for calls with an `override`. */
  readonly token?: string;
  /** Local mode: the NATS servers, such as `nats://127.0.0.1:4222`, whose documents are followed. */
  readonly nats?: string | readonly string[] | NatsOptions;
  /**
   * Local mode: the outside experiment platform that is asked for the cells of a unit where a context has none, as a URL or
   * a function. Without, cells come in contexts only.
   */
  readonly cells?: string | CellSource | CellsOptions;
  /**
   * Where the last-good state outlives the process: in local mode the documents (needed), in remote mode the objectives'
   * defaults (kept in memory only when absent). No other process may use it.
   */
  readonly snapshotFolder?: string;
  /** Envoy's keyed listener, such as `http://127.0.0.1:10000`; `infer` needs it. */
  readonly envoyUrl?: string;
  /** The calling service; reaches the model and every log. */
  readonly client?: string;
  /** Of all requests that do not say otherwise; real when absent. */
  readonly trafficClass?: (typeof trafficClasses)[number];
  /** How long `resolve` waits for somebody to answer before it falls back; 500 by default. */
  readonly timeoutMs?: number;
  /** Remote mode: how long after its `ttlMs` an answer is still given while it is asked for anew; 3,000 by default. */
  readonly staleMs?: number;
  /** Remote mode: how many answers are remembered; 10,000 by default. */
  readonly maxCachedAnswers?: number;
  /** Remote mode: between two looks at the objectives' defaults; 30,000 by default. */
  readonly defaultsRefreshMs?: number;
  /** Hears of everything worth a log line or a counter. */
  readonly onEvent?: EventListener;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
};

export type NatsOptions = {
  readonly servers: string | readonly string[];
  /** A NATS credentials file (JWT and nkey). */
  readonly credentialsFile?: string;
  /** The KV bucket of the documents; `signalbox` by default. */
  readonly bucket?: string;
  /** The KV bucket of the heartbeats; `signalbox-status` by default. */
  readonly statusBucket?: string;
  /**
   * When a new revision answers: `acknowledged`, once every xds-server reports that its Envoys can serve it (by default);
   * `immediate`, at once, where there is no xds-server.
   */
  readonly activation?: "acknowledged" | "immediate";
  /** The group of processes that it is one of, which pins may hold at a revision; none by default. */
  readonly group?: string;
  /**
   * Whether it reports to the other processes what it answers from, so that the routes that it needs are kept; true by
   * default. Without, an answer from a former revision may meet Envoy after its route was dropped, and get the default.
   */
  readonly heartbeat?: boolean;
};

export type CellsOptions = {
  /** What a resolver asks with RESOLVER_CELLS_URL, such as `http://127.0.0.1:8080/cells`; or a function of the caller. */
  readonly source: string | CellSource;
  /** How long a call waits for it, until rules and default decide; 20 by default. A later answer serves the next call. */
  readonly timeoutMs?: number;
  /** How long its answer for a unit is used; 60,000 by default. */
  readonly ttlMs?: number;
  /** For how many units its answers are kept; 100,000 by default. */
  readonly maxUnits?: number;
};

export type CheckedOptions = z.output<typeof schema>;

/** Throws `invalid_options` with everything that is wrong. */
export function checkOptions(options: SignalboxOptions): CheckedOptions {
  const parsed = schema.safeParse(options, { error: explainIssue });
  if (parsed.success) return parsed.data;
  const problems = problemsOfIssues(parsed.error.issues).map(({ path, message }) => ({
    path: formatPath(path),
    message,
  }));
  const lines = problems.map(({ path, message }) => `${path} ${message}`.trim());
  throw new SignalboxClientError("invalid_options", `createSignalbox: ${lines.join("; ")}`, { problems });
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocols.includes(protocol) && hostname !== "";
}
