import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { buildGo } from "../../test/support/go.ts";
import { freePorts } from "../../test/support/ports.ts";
import { answers, type Running, startProcess } from "../../test/support/processes.ts";
import type { Turns } from "../turns.ts";

/** The files that a server serves and changes, and its clients expect. */
export type Files = { readonly table: string; readonly changes: string };

export type ServerKind = "signalbox" | "go-control-plane" | "go-control-plane, SnapshotCache";

/** Bytes include HTTP/2 frames, as counted at the clients' sockets; `read` is what the server sent. */
export type Totals = {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly responses: number;
  readonly retries: number;
};
export type Measured = { readonly milliseconds: number; readonly totals: Totals };

/** How late timers were in the server; the sampling interval of 1 ms is part of it. */
export type EventLoopDelay = Readonly<Record<"p50Ms" | "p90Ms" | "p99Ms" | "p999Ms" | "maxMs", number>>;

/** What the event loop of a server was like. */
export type EventLoop = { readonly delay: EventLoopDelay; readonly turns: Turns };

/** One server with its clients, each a process of its own. */
export type Side = {
  readonly kind: ServerKind;
  readonly port: number;
  /** Opens all streams; done when each holds every resource. */
  sync(): Promise<Measured>;
  /** Changes one resource; the answer is after how many milliseconds each stream's ACK had come in, in their order. */
  change(): Promise<readonly number[]>;
  /** Cuts all streams and opens them again with what they hold; done when the server has processed all their requests. */
  reconnect(): Promise<Measured>;
  totals(): Promise<Totals>;
  /** Throws unless all streams hold the same version of every resource. */
  verify(): Promise<void>;
  /** Resident memory of the server. */
  rssMiB(): number;
  /** CPU time of the server so far, all threads. */
  cpuMs(): Promise<number>;
  /** Since the last call; undefined for a server without an event loop. */
  eventLoop(): Promise<EventLoop | undefined>;
  stop(): Promise<void>;
};

export type SideOptions = { readonly streams: number; readonly loading: number; readonly files: Files };

export async function startSide(kind: ServerKind, options: SideOptions): Promise<Side> {
  const { streams, files } = options;
  const [port = 0, controlPort = 0] = await freePorts(2);
  const control = `http://127.0.0.1:${controlPort}`;
  const server = await startServer(kind, files, port, controlPort);
  const clients = await startClients(port, options).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  const call = async <T>(path: string, method = "GET") => {
    const response = await fetch(`${control}${path}`, { method, signal: AbortSignal.timeout(280_000) });
    if (!response.ok) throw new Error(`${kind}: ${method} ${path} answered ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    kind,
    port,
    sync: () => clients.ask("sync"),
    change: async () => {
      const { acknowledgedAfterMs } = await call<{ acknowledgedAfterMs: number[] }>(
        `/change?streams=${streams}`,
        "POST",
      );
      return acknowledgedAfterMs;
    },
    reconnect: () => clients.ask("reconnect"),
    totals: () => clients.ask("totals"),
    verify: async () => void (await clients.ask("verify")),
    rssMiB: () => residentKiB(server.processId) / 1024,
    cpuMs: async () => (await call<{ cpuMs: number }>("/cpu")).cpuMs,
    eventLoop: async () => (kind === "signalbox" ? call<EventLoop>("/event-loop") : undefined),
    stop: async () => {
      await clients.stop();
      await server.stop("SIGKILL");
    },
  };
}

/** The xds-server's protocol layer, serving a file of resources. */
export function startOwnServer(files: Files, port: number, controlPort: number): Promise<Running> {
  return startServer("signalbox", files, port, controlPort);
}

async function startServer(kind: ServerKind, files: Files, port: number, controlPort: number): Promise<Running> {
  const ready = { ready: () => answers(`http://127.0.0.1:${controlPort}/ready`), readyTimeoutMs: 60_000 };
  if (kind === "signalbox") {
    const main = fileURLToPath(new URL("./server.ts", import.meta.url));
    const ports = ["--port", String(port), "--control-port", String(controlPort)];
    return startProcess(process.execPath, [main, ...ports, "--table", files.table, "--changes", files.changes], ready);
  }
  const cache = kind === "go-control-plane" ? "linear" : "snapshot";
  const addresses = ["-address", `127.0.0.1:${port}`, "-control", `127.0.0.1:${controlPort}`];
  const args = [...addresses, "-cache", cache, "-table", files.table, "-changes", files.changes];
  return startProcess(await buildGo(goFolder("peer")), args, ready);
}

type Clients = { ask<T>(command: string): Promise<T>; stop(): Promise<void> };

async function startClients(port: number, { streams, loading, files }: SideOptions): Promise<Clients> {
  const args = ["-address", `127.0.0.1:${port}`, "-table", files.table];
  const counts = ["-streams", String(streams), "-loading", String(loading)];
  const child = spawn(await buildGo(goFolder("clients")), [...args, ...counts], { stdio: ["pipe", "pipe", "inherit"] });
  const waiting: PromiseWithResolvers<string>[] = [];
  createInterface(child.stdout).on("line", (line) => waiting.shift()?.resolve(line));
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      for (const each of waiting) each.reject(new Error("the simulated clients ended; their message is above"));
      resolve();
    });
  });
  const answer = async <T>() => {
    const next = Promise.withResolvers<string>();
    waiting.push(next);
    return JSON.parse(await next.promise) as T;
  };
  await answer();
  return {
    ask: (command) => {
      child.stdin.write(`${command}\n`);
      return answer();
    },
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function goFolder(name: string): string {
  return fileURLToPath(new URL(`./go/${name}`, import.meta.url));
}

function residentKiB(processId: number): number {
  return Number(spawnSync("ps", ["-o", "rss=", "-p", String(processId)], { encoding: "utf8" }).stdout);
}
