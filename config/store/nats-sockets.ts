import type { Socket } from "node:net";
import { NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";

/**
 * Lets no error of a socket to NATS go unheard. `@nats-io/transport-node` takes its listeners from a socket before it
 * destroys it, and while it shakes hands; an error that Node tells of after that, such as a write to a server that had just
 * ended the connection, would be an uncaught exception and end the process. The library notices the loss by itself.
 *
 * Its sockets are made inside of it, so this has to be done to its class: once, for all connections of the process.
 */
export function hearSocketErrors(): void {
  if (isDone) return;
  isDone = true;
  const prototype = NodeTransport.prototype;
  const { peekInfo, setupHandlers } = prototype;
  prototype.peekInfo = function () {
    hearErrorsOf(this.socket);
    return peekInfo.call(this);
  };
  // TLS has put another socket around the first one by then.
  prototype.setupHandlers = function () {
    hearErrorsOf(this.socket);
    setupHandlers.call(this);
  };
}

let isDone = false;

function hearErrorsOf(socket: Socket): void {
  const { removeAllListeners } = socket;
  socket.removeAllListeners = (...events) => {
    removeAllListeners.apply(socket, events);
    return socket.on("error", ignore);
  };
  socket.on("error", ignore);
}

function ignore(): void {}
