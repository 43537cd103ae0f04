import { connect, createServer, type Socket } from "node:net";
import { freePort } from "./ports.ts";

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

/** Passes TCP connections on to a port of this machine. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let isCut = false;
  let mendedAtMs = Number.NEGATIVE_INFINITY;
  let passed = { there: false, back: false };
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  // A proxy that waits for a small piece to be acknowledged before it passes on the next adds 40 ms to what two ends do at once.
  const server = createServer({ noDelay: true }, (client) => {
    track(client);
    if (isCut) return;
    const target = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    track(target);
    const pass = (from: Socket, to: Socket) => {
      from.on("data", (chunk) => {
        if (isCut) return;
        passed[from === client ? "there" : "back"] = true;
        if (!to.write(chunk)) from.pause();
      });
      to.on("drain", () => from.resume());
      from.on("end", () => to.end());
      from.on("close", () => to.destroy());
    };
    pass(client, target);
    pass(target, client);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port,
    cut: () => {
      isCut = true;
    },
    mend: () => {
      isCut = false;
      mendedAtMs = performance.now();
      passed = { there: false, back: false };
      for (const socket of sockets) socket.destroy();
    },
    isUsed: () => passed.there && passed.back,
    wasCut: (withinMs) => isCut || performance.now() - mendedAtMs < withinMs,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
