import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { setPriority } from "node:os";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { typeUrls } from "../../xds-server/protocol/type-urls.ts";
import type { Misbehaviour, Tally } from "./misbehaviours.ts";

// A process that misbehaves towards the xDS server on a port until it is told to stop, and then says what came of it. It gives way
// to every other process, because in life it is on another machine; and it speaks HTTP/2 itself, to cost little.

const [port, kind] = process.argv.slice(2) as [string, Misbehaviour];
const path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const mebibyte = 1024 * 1024;
const ended: Record<string, number> = {};
let opened = 0;
setPriority(19);

/** What `manyOf` puts numbers in the place of. */
const countHere = "#######";

/** Fields of a DeltaDiscoveryRequest. */
const field = { node: 1, typeUrl: 2, subscribe: 3, initialVersions: 5, nonce: 6, error: 7 };

/** Keeps doing it, for as long as the process lives. */
const perform: Readonly<Record<Misbehaviour, () => void>> = {
  garbage: () => again(8, frame(Buffer.from("ffffffffffffffffffff", "hex"))),
  tooLarge: () => again(1, frame(Buffer.alloc(64 * mebibyte + 1))),
  large: () => again(1, frame(requestOf(namesOf(250_000, "n".repeat(220))))),
  heldVersions: () => again(1, frame(requestOf(versionsOf(500_000)))),
  names: () => again(1, frame(requestOf(namesOf(1_000_000)))),
  neverReads: () => {
    for (let client = 0; client < 50; client++) open(session()).write(frame(requestOf(subscribe("*"))));
  },
  nacks: () => {
    for (let client = 0; client < 20; client++) refuseEverything(open(session()));
  },
  flood: () => {
    for (let connection = 0; connection < 10; connection++) flood(session());
  },
};

perform[kind]();
process.send?.("begun");
process.on("message", () => {
  process.send?.({ opened, ended } satisfies Tally);
  process.disconnect();
  process.exit();
});

function session(): ClientHttp2Session {
  // Node would reset streams of its own when more than that waits to be sent.
  const connected = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1000 });
  connected.on("error", () => undefined);
  return connected;
}

function open(on: ClientHttp2Session): ClientHttp2Stream {
  opened++;
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const stream = on.request(headers);
  const note = (status: unknown) => {
    ended[String(status)] = (ended[String(status)] ?? 0) + 1;
  };
  const noteStatus = (from: Record<string, unknown>) => {
    if (from["grpc-status"] !== undefined) note(from["grpc-status"]);
  };
  stream.on("response", noteStatus);
  stream.on("trailers", noteStatus);
  stream.on("close", () => {
    if (stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) note("reset");
  });
  stream.on("error", () => undefined);
  return stream;
}

/** Sends the message on a new stream whenever the one before has ended, on so many connections. */
function again(connections: number, message: Buffer): void {
  for (let connection = 0; connection < connections; connection++) {
    let on = session();
    const next = () => {
      // The server, or its HTTP/2, may have had enough of the connection.
      if (on.closed || on.destroyed) on = session();
      const stream = open(on);
      stream.on("close", () => setImmediate(next));
      stream.resume();
      stream.write(message);
      // What a client may do no worse than to be done with it.
      stream.on("response", () => stream.close(constants.NGHTTP2_CANCEL));
    };
    next();
  }
}

/** As many streams as the connection takes, and a new one for each that the server ends. */
function flood(on: ClientHttp2Session): void {
  const next = () => {
    const stream = open(on);
    stream.on("close", () => setImmediate(next));
    stream.resume();
  };
  for (let stream = 0; stream < 900; stream++) next();
}

function refuseEverything(stream: ClientHttp2Stream): void {
  let unread = Buffer.alloc(0);
  stream.on("data", (bytes: Buffer) => {
    unread = Buffer.concat([unread, bytes]);
    while (unread.length >= 5 && unread.length >= 5 + unread.readUInt32BE(1)) {
      const end = 5 + unread.readUInt32BE(1);
      stream.write(frame(nackOf(unread.subarray(5, end))));
      unread = unread.subarray(end);
    }
  });
  stream.write(frame(requestOf(subscribe("*"))));
}

function nackOf(response: Uint8Array): Uint8Array {
  const reader = new BinaryReader(response);
  let nonce = "";
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 5) nonce = reader.string();
    else reader.skip(wireType, number);
  }
  const writer = new BinaryWriter().tag(field.typeUrl, WireType.LengthDelimited).string(typeUrls.route);
  writer.tag(field.nonce, WireType.LengthDelimited).string(nonce);
  writer.tag(field.error, WireType.LengthDelimited).fork().tag(2, WireType.LengthDelimited).string("no").join();
  return writer.finish();
}

/** A first request for routes, with these fields. */
function requestOf(fields: Uint8Array): Buffer {
  const writer = new BinaryWriter().tag(field.node, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string("misbehaving").join();
  writer.tag(field.typeUrl, WireType.LengthDelimited).string(typeUrls.route);
  return Buffer.concat([writer.finish(), fields]);
}

function subscribe(name: string): Uint8Array {
  return new BinaryWriter().tag(field.subscribe, WireType.LengthDelimited).string(name).finish();
}

function namesOf(count: number, suffix = ""): Uint8Array {
  return manyOf(count, subscribe(`nowhere/objective-${countHere}${suffix}`));
}

/** A wildcard, and so many versions that the client says it holds. */
function versionsOf(count: number): Uint8Array {
  const writer = new BinaryWriter().tag(field.initialVersions, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string(`nowhere/objective-${countHere}`);
  const entry = writer.tag(2, WireType.LengthDelimited).string("123456789").join().finish();
  return Buffer.concat([subscribe("*"), manyOf(count, entry)]);
}

/** The same bytes so many times, each with a number of its own. */
function manyOf(count: number, template: Uint8Array): Uint8Array {
  const many = Buffer.alloc(count * template.length, template);
  const numberAt = Buffer.from(template).indexOf(countHere);
  for (let index = 0; index < count; index++) {
    many.write(String(index).padStart(countHere.length, "0"), index * template.length + numberAt, "latin1");
  }
  return many;
}

/** A gRPC message. */
function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}
