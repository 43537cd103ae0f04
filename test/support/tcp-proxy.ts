import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** Something between two processes that can be cut. */
export type TcpProxy = {
  readonly port: number;
  /** Nothing passes any more, in either direction; connections stay open, as when a network swallows packets. */
  cut(): void;
  /** What was held up is lost with its connections; new ones pass. */
  mend(): void;
  /** Whether something has passed in both directions since it was mended. */
  isUsed(): boolean;
  /** Whether it is cut, or was less than so long ago. */
  wasCut(withinMs: number): boolean;
  stop(): Promise<void>;
};

/** What a proxy's thread is told. */
export type ProxyCommand = "cut" | "mend";

/** What it says: its port, first of all, and that something has passed in both directions since it was mended so many times. */
export type ProxyNews = { readonly port: number } | { readonly usedSince: number };

/** Passes TCP connections on to a port of this machine, in a thread of its own: what is busy in this one delays nothing. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const thread = new Worker(new URL("./tcp-proxy-thread.ts", import.meta.url), {
    workerData: targetPort,
    execArgv: [],
  });
  const tell = (command: ProxyCommand) => thread.postMessage(command);
  const [{ port }] = await once(thread, "message");
  let isCut = false;
  let mends = 0;
  let mendedAtMs = Number.NEGATIVE_INFINITY;
  let usedSince = -1;
  thread.on("message", (news: ProxyNews) => {
    if ("usedSince" in news) usedSince = news.usedSince;
  });
  return {
    port,
    cut: () => {
      isCut = true;
      tell("cut");
    },
    mend: () => {
      isCut = false;
      mends++;
      mendedAtMs = performance.now();
      tell("mend");
    },
    isUsed: () => usedSince === mends,
    wasCut: (withinMs) => isCut || performance.now() - mendedAtMs < withinMs,
    stop: async () => {
      await thread.terminate();
    },
  };
}
