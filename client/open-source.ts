import { type CellLookup, createCellLookup } from "../cells/cell-lookup.ts";
import { httpCellSource } from "../cells/http-cell-source.ts";
import { messageOf } from "./client-error.ts";
import type { EventListener } from "./events.ts";
import { createLateSource } from "./late-source.ts";
import type { CheckedOptions, NatsOptions } from "./options.ts";
import { createAnswerCache } from "./remote/answer-cache.ts";
import { createKnownDefaults } from "./remote/defaults.ts";
import { openDefaultsFile } from "./remote/defaults-file.ts";
import { createHttpTransport } from "./remote/http-transport.ts";
import { createLateTransport } from "./remote/late-transport.ts";
import { createRemoteSource } from "./remote/remote-source.ts";
import { createResolverPool } from "./remote/resolver-pool.ts";
import type { Transport } from "./remote/transport.ts";
import type { Source } from "./source.ts";

export type Outside = {
  readonly fetch: typeof globalThis.fetch;
  readonly emit: EventListener;
  readonly nowMs: () => number;
  readonly random: () => number;
};

/** The source that the options ask for. What it needs besides this package's own code is loaded only now. */
export function openSource(options: CheckedOptions, outside: Outside): Source {
  const { nats, snapshotFolder } = options;
  if (nats === undefined || snapshotFolder === undefined) return openRemote(options, outside);
  return createLateSource(async () => {
    const { createLocalSource } = await import("./local/local-source.ts");
    const { timeoutMs, client: clientName, cells } = options;
    return createLocalSource({
      ...{ nats: natsOptions(nats), snapshotFolder, clientName, timeoutMs, emit: outside.emit },
      openCells: (signal) => (cells === undefined ? null : openCells(cells, outside, signal)),
    });
  });
}

function openCells(
  { source, ...limits }: NonNullable<CheckedOptions["cells"]>,
  { fetch, emit, nowMs }: Outside,
  signal: AbortSignal,
): CellLookup {
  return createCellLookup({
    ...limits,
    source: typeof source === "string" ? httpCellSource(source, fetch) : source,
    onLookup: ({ question: { namespace, attribute }, outcome, cause }) => {
      if (outcome !== "late" && outcome !== "failed") return;
      emit({ type: "cells-missing", namespace, attribute, reason: messageOf(cause) });
    },
    now: nowMs,
    signal,
  });
}

function natsOptions(nats: NonNullable<CheckedOptions["nats"]>): NatsOptions {
  return typeof nats === "string" || Array.isArray(nats) ? { servers: nats } : nats;
}

function openRemote(options: CheckedOptions, { fetch, emit, nowMs, random }: Outside): Source {
  const urls = typeof options.resolverUrl === "string" ? [options.resolverUrl] : (options.resolverUrl ?? []);
  const transports = urls.map((url) => openTransport(url, fetch));
  const pool = createResolverPool({ transports, timeoutMs: options.timeoutMs, emit, nowMs, random });
  const file = options.snapshotFolder === undefined ? null : openDefaultsFile(options.snapshotFolder);
  const { namespace, defaultsRefreshMs: refreshMs, staleMs, token } = options;
  const defaults = createKnownDefaults({ pool, namespace, file, refreshMs, emit });
  const cache = createAnswerCache(options.maxCachedAnswers);
  return createRemoteSource({ pool, cache, defaults, staleMs, token, emit, nowMs });
}

function openTransport(url: string, fetch: typeof globalThis.fetch): Transport {
  if (!/^grpcs?:/i.test(url)) return createHttpTransport(url, fetch);
  return createLateTransport(url, async () => (await import("./remote/grpc-transport.ts")).createGrpcTransport(url));
}
