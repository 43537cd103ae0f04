import { readFile } from "node:fs/promises";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { connect, credsAuthenticator, PermissionViolationError } from "@nats-io/transport-node";
import { backoffMs } from "./backoff.ts";
import { hearSocketErrors } from "./nats-sockets.ts";
import { messageOf, StoreError } from "./store-error.ts";

/** How to reach NATS. */
export type NatsSettings = {
  /** Such as `nats://127.0.0.1:4222`; several are tried in random order. `tls://` asks for TLS; `user:password@` or `token@` may come before the host. */
  readonly servers: string | readonly string[];
  /** What the server's connection list shows. */
  readonly clientName?: string;
  /** A NATS credentials file (JWT and nkey). */
  readonly credentialsFile?: string;
  /** Milliseconds until a first connection counts as failed; 2,000 by default. */
  readonly connectTimeoutMs?: number;
};

/** A connection that reconnects for ever (jittered, at most 5 s apart) until it is closed. */
export type NatsLink = {
  readonly connection: NatsConnection;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  connected(): boolean;
  /** Called with false when the connection is lost and with true when it is back; returns what ends that. */
  onChange(listener: (connected: boolean) => void): () => void;
  /** What NATS last said when it refused this user a subject; null when it never did. */
  lastPermissionError(): Error | null;
  /** Resolves when the connection has ended for good. */
  readonly ended: Promise<unknown>;
  close(): Promise<void>;
};

/** Resolves when the connection is up, ended for good, or not wanted any more. */
export async function whenConnected(link: NatsLink, signal?: AbortSignal): Promise<void> {
  if (link.connected() || signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      stopListening();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const stopListening = link.onChange(done);
    signal?.addEventListener("abort", done);
    void link.ended.then(done);
  });
}

/** Connects; throws a StoreError "unreachable" or "denied" when that does not work at the first attempt. */
export async function connectToNats(settings: NatsSettings): Promise<NatsLink> {
  hearSocketErrors();
  const servers = serverList(settings.servers);
  const reconnects = reconnectDelays();
  const connection = await connect({
    ...(await credentials(settings, servers)),
    servers: servers.map((server) => server.address),
    name: settings.clientName ?? "signalbox",
    timeout: settings.connectTimeoutMs ?? 2000,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: reconnects.delayMs,
    // A peer that vanished without closing (a machine without power) is noticed after 15 s, not after minutes.
    pingInterval: 5000,
    maxPingOut: 2,
  }).catch((error: unknown) => {
    throw connectError(error, servers);
  });
  const client = jetstream(connection, { timeout: 5000 });
  const manager = await jetstreamManager(connection, { timeout: 5000, checkAPI: false });
  const listeners = new Set<(connected: boolean) => void>();
  let connected = true;
  let lastPermissionError: Error | null = null;
  const change = (now: boolean) => {
    connected = now;
    for (const listener of [...listeners]) listener(now);
  };
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") change(false);
      if (status.type === "error" && status.error instanceof PermissionViolationError)
        lastPermissionError = status.error;
      if (status.type === "reconnecting") reconnects.failed();
      if (status.type === "reconnect") {
        reconnects.succeeded();
        change(true);
      }
    }
  })();
  const ended = connection.closed().then((error) => {
    change(false);
    return error;
  });
  return {
    connection,
    client,
    manager,
    connected: () => connected,
    lastPermissionError: () => lastPermissionError,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ended,
    close: async () => {
      await connection.close();
      await ended;
    },
  };
}

type Server = { readonly address: string; readonly tls: boolean; readonly user?: string; readonly password?: string };

function serverList(servers: string | readonly string[]): readonly Server[] {
  const list = (typeof servers === "string" ? servers.split(",") : servers).map((text) => text.trim()).filter(Boolean);
  if (list.length === 0)
    throw new StoreError("bad-request", "no NATS server is named: set NATS_URL, such as nats://127.0.0.1:4222");
  return list.map(parseServer);
}

function parseServer(text: string): Server {
  const address = text.includes("://") ? text : `nats://${text}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url?.hostname || !["nats:", "tls:"].includes(url.protocol)) {
    throw new StoreError("bad-request", `NATS_URL: "${text}" is not of the form nats://host:port or tls://host:port`);
  }
  return {
    address: `${url.hostname}:${url.port || 4222}`,
    tls: url.protocol === "tls:",
    user: url.username ? decodeURIComponent(url.username) : undefined,
    password: url.password ? decodeURIComponent(url.password) : undefined,
  };
}

async function credentials(settings: NatsSettings, servers: readonly Server[]): Promise<NodeConnectionOptions> {
  const tls = servers.some((server) => server.tls) ? { tls: {} } : {};
  if (settings.credentialsFile) {
    const bytes = await readFile(settings.credentialsFile).catch((cause: unknown) => {
      throw new StoreError(
        "denied",
        `the NATS credentials file ${settings.credentialsFile} cannot be read: ${messageOf(cause)}`,
        { cause },
      );
    });
    return { ...tls, authenticator: credsAuthenticator(bytes) };
  }
  const named = servers.find((server) => server.user !== undefined);
  if (!named) return tls;
  return named.password === undefined
    ? { ...tls, token: named.user }
    : { ...tls, user: named.user, pass: named.password };
}

/** The client asks for the delay many times per attempt, so one draw holds until the attempt has failed. */
function reconnectDelays() {
  let failures = 0;
  let delayMs = backoffMs(0);
  return {
    delayMs: () => delayMs,
    failed: () => {
      delayMs = backoffMs(++failures);
    },
    succeeded: () => {
      failures = 0;
      delayMs = backoffMs(0);
    },
  };
}

function connectError(cause: unknown, servers: readonly Server[]): StoreError {
  const where = servers.map((server) => server.address).join(", ");
  const text = messageOf(cause);
  if (/authorization|authentication|permission/i.test(text)) {
    return new StoreError("denied", `NATS at ${where} refused this user: ${text}; check the credentials in NATS_URL`, {
      cause,
    });
  }
  return new StoreError("unreachable", `no NATS server answers at ${where} (${text}); start one, or set NATS_URL`, {
    cause,
  });
}
