import { Buffer } from "node:buffer";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { type PlainHead, type PlainHeaders, readPlainHead, startOf } from "./fast-lane-head.ts";

/** A kind of request that goes round node:http. */
export type FastRoute = {
  /** Whether it takes requests that begin so: the method, a space and the target, such as `POST /v1/resolve`. */
  takes(start: string): boolean;
  readonly maxBodyBytes: number;
  /**
   * What answers a request, with status 200; null when it must go the ordinary way, in which case nothing of it may have
   * been counted. Must not throw.
   */
  answer(request: FastRequest): FastAnswer | null;
};

/** `body` is only good during the call. */
export type FastRequest = { readonly headers: PlainHeaders; readonly body: Buffer; readonly socket: Socket };

/** `fields` are header lines, each with its end, `content-length` among them; both are of single bytes, as latin1. */
export type FastAnswer = {
  readonly fields: string;
  readonly body: string;
  /** Whether `fields` are all headers: `Date`, `Connection` and `Keep-Alive` are added by default, as node:http does. */
  readonly isBare?: boolean;
};

export type FastLane = {
  /** Ends connections that wait for a request; the others go the ordinary way from their next request on. */
  drain(): void;
  /** Cuts off what is left. */
  destroy(): void;
};

const endOfHead = Buffer.from("\r\n\r\n");
/** A longer head goes the ordinary way. */
const maxHeadBytes = 4096;
/** Until the first request of a connection, as node:http has it. */
const firstRequestTimeoutMs = 60_000;
/** How much longer than told a connection is kept, as node:http has it: a request may be under way. */
const keepAliveGraceMs = 1000;

/**
 * Takes the connections of a node:http server and answers requests that one of the routes takes itself, as long as each
 * arrives whole, in the plainest form of HTTP/1.1, and the route has an answer. At anything else the connection, with what was read of
 * it, goes to node:http and stays there: its parser, its limits and its errors hold. Call it before the server listens.
 */
export function addFastLane(server: Server, routes: readonly FastRoute[]): FastLane {
  const [ordinary] = server.listeners("connection") as ((this: Server, socket: Socket) => void)[];
  if (!ordinary) throw new Error("a node:http server listens to its connections");
  server.removeListener("connection", ordinary);
  const waiting = new Set<Socket>();
  let isDraining = false;
  const headOf = createHead(server.keepAliveTimeout);

  const take = (socket: Socket) => {
    let known: KnownHead | null = null;
    let isFirst = true;
    waiting.add(socket);
    const onData = (chunk: Buffer) => {
      let at = 0;
      let output = "";
      while (at < chunk.length) {
        const head = isDraining ? null : readHead(routes, chunk, at, known);
        const end = head ? at + head.bytes + head.bodyBytes : Number.POSITIVE_INFINITY;
        const answer =
          head && end <= chunk.length ? answerTo(head, chunk.subarray(at + head.bytes, end), socket) : null;
        if (answer === null) return giveBack(chunk.subarray(at), output);
        known = head;
        at = end;
        output += headOf(answer) + answer.body;
      }
      if (isFirst) {
        isFirst = false;
        socket.setTimeout(server.keepAliveTimeout + keepAliveGraceMs);
      }
      send(output);
    };
    const send = (output: string) => {
      // A client that does not read its answers is not read from either.
      if (output === "" || socket.write(output, "latin1")) return;
      socket.pause();
      socket.once("drain", () => socket.resume());
    };
    const giveBack = (rest: Buffer, output: string) => {
      leave();
      if (output !== "") socket.write(output, "latin1");
      socket.setTimeout(0);
      socket.pause();
      ordinary.call(server, socket);
      socket.unshift(rest);
      process.nextTick(() => socket.resume());
    };
    const onEnd = () => socket.end();
    const onTimeout = () => socket.destroy();
    // A connection that breaks is no error of ours; its close tells.
    const onError = () => undefined;
    const leave = () => {
      waiting.delete(socket);
      socket.off("data", onData).off("end", onEnd).off("timeout", onTimeout).off("error", onError).off("close", leave);
    };
    socket.setNoDelay(true);
    socket.setTimeout(firstRequestTimeoutMs);
    socket.on("data", onData).on("end", onEnd).on("timeout", onTimeout).on("error", onError).on("close", leave);
  };

  server.on("connection", (socket: Socket) => (isDraining ? ordinary.call(server, socket) : take(socket)));
  return {
    drain: () => {
      isDraining = true;
      for (const socket of waiting) socket.end();
    },
    destroy: () => {
      for (const socket of waiting) socket.destroy();
    },
  };
}

type KnownHead = PlainHead & { readonly text: string; readonly bytes: number; readonly route: FastRoute };

/** The head of the request that begins here; null when it is not whole, not of the plainest form, or no route's. */
function readHead(routes: readonly FastRoute[], chunk: Buffer, at: number, known: KnownHead | null): KnownHead | null {
  const end = chunk.indexOf(endOfHead, at);
  if (end === -1 || end - at > maxHeadBytes) return null;
  const text = chunk.toString("latin1", at, end);
  // Clients repeat themselves: most heads of a connection are the one before.
  if (known?.text === text) return known;
  const start = startOf(text);
  const route = start === null ? undefined : routes.find((each) => each.takes(start));
  const head = route && readPlainHead(text);
  if (!head || head.bodyBytes > route.maxBodyBytes) return null;
  return { ...head, text, bytes: end - at + endOfHead.length, route };
}

function answerTo({ route, headers }: KnownHead, body: Buffer, socket: Socket): FastAnswer | null {
  return route.answer({ headers, body, socket });
}

/** The head of an answer, with the same headers as node:http adds unless it is bare. */
function createHead(keepAliveTimeoutMs: number): (answer: FastAnswer) => string {
  const last = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveTimeoutMs / 1000)}\r\n\r\n`;
  let second = 0;
  let tail = "";
  return ({ fields, isBare }) => {
    if (isBare) return `HTTP/1.1 200 OK\r\n${fields}\r\n`;
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      second = now;
      tail = `Date: ${new Date(now * 1000).toUTCString()}\r\n${last}`;
    }
    return `HTTP/1.1 200 OK\r\n${fields}${tail}`;
  };
}

/** A JSON document, which must be all ASCII, as the answer. */
export function jsonAnswer(json: string): FastAnswer {
  const fields = `content-type: application/json; charset=utf-8\r\ncontent-length: ${json.length}\r\n`;
  return { fields, body: json };
}
