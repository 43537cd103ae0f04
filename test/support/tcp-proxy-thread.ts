import { connect, createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import type { ProxyCommand, ProxyNews } from "./tcp-proxy.ts";

// The thread of a TCP proxy: see tcp-proxy.ts.
const targetPort: number = workerData;
const sockets = new Set<Socket>();
let isCut = false;
let mends = 0;
let passed = { there: false, back: false };

const tell = (news: ProxyNews) => parentPort?.postMessage(news);

const track = (socket: Socket) => {
  sockets.add(socket);
  socket.on("error", () => socket.destroy());
  socket.on("close", () => sockets.delete(socket));
};

const notePassed = (direction: "there" | "back") => {
  if (passed[direction]) return;
  passed[direction] = true;
  if (passed.there && passed.back) tell({ usedSince: mends });
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
      notePassed(from === client ? "there" : "back");
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("end", () => to.end());
    from.on("close", () => to.destroy());
  };
  pass(client, target);
  pass(target, client);
});

parentPort?.on("message", (command: ProxyCommand) => {
  isCut = command === "cut";
  if (isCut) return;
  mends++;
  passed = { there: false, back: false };
  for (const socket of sockets) socket.destroy();
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address && typeof address === "object") tell({ port: address.port });
});
