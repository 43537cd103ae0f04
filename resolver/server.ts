import { Resolver } from "../proto/gen/signalbox/resolver/v1/resolver_pb.js";
import { Revisions } from "../proto/gen/signalbox/rollout/v1/rollout_pb.js";
import { oneCallPath } from "../selection/one-call/question.ts";
import { type GrpcServer, startGrpcServer } from "../service/grpc-server.ts";
import { createHttpApp } from "../service/http-app.ts";
import { type HttpServer, startHttpServer } from "../service/http-server.ts";
import type { Started } from "../service/lifecycle.ts";
import type { ResolverConfig } from "./config.ts";
import { createContext, type ResolverContext } from "./context.ts";
import { getOnly, postOnly } from "./endpoint.ts";
import { extAuthz } from "./ext-authz.ts";
import { fastOneCall } from "./fast-one-call.ts";
import { fastResolve } from "./fast-resolve.ts";
import { getDefaults } from "./get-defaults.ts";
import { getOpenApi } from "./get-openapi.ts";
import { getRevision } from "./get-revision.ts";
import { createGrpcResolver } from "./grpc-resolver.ts";
import { createGrpcRevisions } from "./grpc-revisions.ts";
import { postExplain } from "./post-explain.ts";
import { postOfrepFlag, postOfrepFlags } from "./post-ofrep.ts";
import { postResolve } from "./post-resolve.ts";
import { postResolveMany } from "./post-resolve-many.ts";

/**
 * Starts the resolver: listens at once, and answers `not_ready` until there are documents, from NATS or from the last
 * snapshot. Throws `cannot_start` when a port is in use.
 */
export async function startResolver(
  config: ResolverConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Started> {
  const context = await createContext(config, environment);
  try {
    const http = await startHttp(config, context);
    const grpc = await startGrpc(config, context).catch(async (error: unknown) => {
      await http.drain(0);
      throw error;
    });
    const { logger, identity } = context;
    logger.info({ ...identity, httpUrl: http.url, grpcPort: grpc.port, host: config.host }, "listening");
    return {
      logger,
      drainTimeoutMs: config.drainTimeoutMs,
      drain: async (timeoutMs) => {
        context.startDraining();
        await Promise.all([http.drain(timeoutMs), grpc.drain(timeoutMs)]);
        await context.close();
      },
    };
  } catch (error) {
    await context.close();
    throw error;
  }
}

function startHttp(config: ResolverConfig, context: ResolverContext): Promise<HttpServer> {
  const resolve = postResolve(context);
  const oneCall = extAuthz(context);
  const app = createHttpApp(context, (app) => {
    app.post("/v1/resolve", resolve).all("/v1/resolve", postOnly);
    app.post("/v1/explain", postExplain(context)).all("/v1/explain", postOnly);
    app.post("/v1/resolve-many", postResolveMany(context)).all("/v1/resolve-many", postOnly);
    app.get("/v1/defaults", getDefaults(context)).all("/v1/defaults", getOnly);
    app.post("/ofrep/v1/evaluate/flags", postOfrepFlags(context)).all("/ofrep/v1/evaluate/flags", postOnly);
    app.post("/ofrep/v1/evaluate/flags/:key", postOfrepFlag(context)).all("/ofrep/v1/evaluate/flags/:key", postOnly);
    app.get("/v1/revisions/:revision", getRevision(context)).all("/v1/revisions/:revision", getOnly);
    app.get("/openapi.json", getOpenApi(context.identity.version));
  });
  return startHttpServer({
    listener: (request, response) => {
      if (request.method === "POST" && request.url === "/v1/resolve") void resolve(request, response);
      else if (request.url?.startsWith(oneCallPath)) void oneCall(request, response);
      else app(request, response);
    },
    host: config.host,
    port: config.httpPort,
    portVariable: "RESOLVER_HTTP_PORT",
    fastRoutes: [fastResolve(context), fastOneCall(context)],
  });
}

async function startGrpc(config: ResolverConfig, context: ResolverContext): Promise<GrpcServer> {
  const services = [createGrpcResolver(context), createGrpcRevisions(context)];
  const grpc = await startGrpcServer({
    host: config.host,
    port: config.grpcPort,
    portVariable: "RESOLVER_GRPC_PORT",
    services: [Resolver, Revisions],
    addTo: (server) => {
      for (const { definition, implementation } of services) server.addService(definition, implementation);
    },
    options: { "grpc.max_receive_message_length": config.maxRequestBytes },
  });
  grpc.setServing(false);
  void context.started.then(() => grpc.setServing(true));
  return grpc;
}
