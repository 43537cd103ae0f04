import { createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { connectToNats, type NatsLink } from "../config/store/connection.ts";

/** A NATS server that takes connections, and hands each one to the test. */
async function startGreeter(): Promise<{ readonly url: string; readonly sockets: readonly Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.write(`INFO {"server_id":"greeter","version":"2.11.0","proto":1,"max_payload":1048576,"headers":true}\r\n`);
    socket.on("data", (bytes) => {
      if (bytes.includes("PING")) socket.write("PONG\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `nats://127.0.0.1:${(server.address() as { port: number }).port}`, sockets };
}

/** The socket of the connection, which the library does not hand out. */
function socketOf({ connection }: NatsLink): Socket {
  return (connection as unknown as { protocol: { transport: { socket: Socket } } }).protocol.transport.socket;
}

test("what is written to a server that has just ended the connection stops no process that closes it", async () => {
  const uncaught: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => uncaught.push(error));
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of others) process.on("uncaughtException", listener);
  });

  const greeter = await startGreeter();
  const link = await connectToNats({ servers: greeter.url });
  const socket = socketOf(link);
  const ended = new Promise<void>((resolve) => {
    socket.once("end", async () => {
      while (!socket.writableEnded) await new Promise<void>((next) => process.nextTick(next));
      resolve();
    });
  });
  greeter.sockets[0]?.end();
  await ended;
  expect(socket.destroyed).toBe(false);
  link.connection.publish("subject", "late");
  await link.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(uncaught).toEqual([]);
});
