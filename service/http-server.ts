import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SignalboxError } from "./errors.ts";
import { addFastLane, type FastRoute } from "./fast-lane.ts";

export type HttpServerSettings = {
  /** Such as an Express app. */
  readonly listener: RequestListener;
  readonly host: string;
  /** 0 is any free port. */
  readonly port: number;
  /** The environment variable that sets the port, for the message when it is in use. */
  readonly portVariable: string;
  /** Requests that go round node:http. */
  readonly fastRoutes?: readonly FastRoute[];
};

export type HttpServer = {
  /** The port it listens on. */
  readonly port: number;
  /** Such as `http://127.0.0.1:7070`. */
  readonly url: string;
  /**
   * Takes no new connections and lets the requests under way end; connections that are left after `timeoutMs` are cut
   * off. Resolves when all is closed.
   */
  drain(timeoutMs: number): Promise<void>;
};

/** Listens; throws `cannot_start` when it cannot, with the remedy. */
export async function startHttpServer(settings: HttpServerSettings): Promise<HttpServer> {
  const open = new Set<ServerResponse>();
  let isDraining = false;
  const server = createServer((request, response) => {
    if (isDraining) leaveConnection(response);
    open.add(response);
    response.once("close", () => open.delete(response));
    settings.listener(request, response);
  });
  const fastLane = settings.fastRoutes ? addFastLane(server, settings.fastRoutes) : null;
  await listen(server, settings);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${hostForUrl(settings.host)}:${port}`,
    drain: (timeoutMs) => {
      isDraining = true;
      for (const response of open) leaveConnection(response);
      fastLane?.drain();
      return close(server, timeoutMs, () => fastLane?.destroy());
    },
  };
}

/** Has the caller open its next connection elsewhere, instead of sending a request into one that is about to close. */
function leaveConnection(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}

function listen(server: Server, { host, port, portVariable }: HttpServerSettings): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(error, { host, port, portVariable })));
    server.listen({ host, port }, resolve);
  });
}

const idleSweepMs = 50;

/** A connection that was busy when draining began is idle after its answer, and would stay open for the next request. */
function close(server: Server, timeoutMs: number, destroyOthers: () => void): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
    const timer = setTimeout(() => {
      server.closeAllConnections();
      destroyOthers();
    }, timeoutMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Why a server cannot listen, with the remedy. */
export function cannotListen(
  error: Error & { readonly code?: string },
  { host, port, portVariable }: Pick<HttpServerSettings, "host" | "port" | "portVariable">,
): SignalboxError {
  const inUse = error.code === "EADDRINUSE" || error.message.includes("EADDRINUSE");
  const message = inUse
    ? `Port ${port} of ${host} is in use: end the program that listens there, or set ${portVariable} to another port.`
    : `Cannot listen on port ${port} of ${host} (${error.message}): set HOST or ${portVariable}.`;
  return new SignalboxError("cannot_start", message, { cause: error });
}

function hostForUrl(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
