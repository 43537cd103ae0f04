import { AggregatedDiscoveryService } from "../proto/gen/envoy/service/discovery/v3/ads_pb.js";
import { createFirstOfMany } from "../service/first-of-many.ts";
import { startGrpcServer } from "../service/grpc-server.ts";
import { createHttpApp } from "../service/http-app.ts";
import { startHttpServer } from "../service/http-server.ts";
import type { Started } from "../service/lifecycle.ts";
import type { XdsServerConfig } from "./config.ts";
import { type Context, createContext } from "./context.ts";
import { maxConnectionAge, xdsChannelOptions } from "./protocol/channel-options.ts";
import { envoyGroup } from "./publishing/audiences.ts";
import { publishDocuments } from "./publishing/publisher.ts";

/** Starts everything; Envoys are served as soon as there are documents. */
export async function startServer(config: XdsServerConfig): Promise<Started> {
  const stopping = new AbortController();
  const context = await createContext(config, stopping.signal);
  try {
    return await start(context, stopping);
  } catch (error) {
    stopping.abort();
    context.security.stop();
    void context.heartbeat.stop();
    throw error;
  }
}

/** A client that cannot connect tries again for ever. */
const handshakeLogMs = 60_000;

async function start(context: Context, stopping: AbortController): Promise<Started> {
  const { config, logger, follower, xds, heartbeat, security } = context;
  const { HOST: host } = config;
  addCheck(context);
  const http = await startHttpServer({
    listener: createHttpApp(context, (app) => {
      app.get("/v1/status", (_request, response) => {
        response.json(context.status());
      });
    }),
    host,
    port: config.XDS_HTTP_PORT,
    portVariable: "XDS_HTTP_PORT",
  });
  const isNews = createFirstOfMany(handshakeLogMs, () => performance.now());
  const grpc = await startGrpcServer({
    host,
    port: config.XDS_GRPC_PORT,
    portVariable: "XDS_GRPC_PORT",
    services: [AggregatedDiscoveryService],
    addTo: xds.addTo,
    ...(security.tls === undefined ? {} : { credentials: security.tls.credentials }),
    onHandshakeFailure: (reason, address) => {
      context.xdsMetrics.handshakeFailed(reason);
      if (isNews(`${reason} ${address}`)) logger.warn({ reason, address }, "TLS handshake failed");
    },
    options: { ...xdsChannelOptions, ...maxConnectionAge(config.XDS_MAX_CONNECTION_AGE_MS) },
  });
  const noteForms = (commit: number) => {
    context.reporting.published(commit, context.changes.takeForms());
    context.retaining.changed();
    heartbeat.changed();
  };
  const publishing = publishDocuments({
    documents: follower,
    changes: context.changes,
    views: context.views,
    due: context.retaining.due,
    onPublished: (published) => {
      context.xdsMetrics.published(published);
      noteForms(published.commit);
      context.acceptance.published(published.commit);
      const { revision, changed, durationMs } = published;
      logger.info({ revision, changed, durationMs: Math.round(durationMs) }, "resources published to the Envoys");
    },
    onUnchanged: noteForms,
    signal: stopping.signal,
  });
  logger.info({ http: http.url, grpcPort: grpc.port }, "started");
  return {
    logger,
    drainTimeoutMs: config.DRAIN_TIMEOUT_MS,
    drain: async (timeoutMs) => {
      xds.close();
      await Promise.all([grpc.drain(timeoutMs), heartbeat.stop()]);
      stopping.abort();
      context.views.close();
      security.stop();
      await Promise.all([follower.stopped, context.retaining.stopped(), publishing, http.drain(timeoutMs)]);
    },
  };
}

function addCheck({ health, store }: Context): void {
  health.addCheck("resources", () =>
    store.view(envoyGroup) ? { ok: true } : { ok: false, reason: "nothing is published to the Envoys yet" },
  );
}
