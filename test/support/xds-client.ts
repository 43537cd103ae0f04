import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { type DiscoveryService, discoveryServices } from "../../xds-server/protocol/service.ts";
import { eventually } from "./processes.ts";

/** One of the four ways to talk to an xDS server. */
export type XdsVariant = { readonly isDelta: boolean; readonly isAggregated: boolean };

/** What arrived: names to their content (see `testResource`), and, for delta, versions and what was removed. */
export type Received = {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  readonly resources: ReadonlyMap<string, string>;
  readonly versions: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
  readonly bytes: number;
};

/** The fields of a request of either variant; those of the other variant are left out. */
export type RequestFields = {
  readonly typeUrl?: string;
  /** The client's own ("test-node") in the first message and absent later, unless given; null leaves it out. */
  readonly nodeId?: string | null;
  readonly nonce?: string;
  readonly error?: string;
  readonly version?: string;
  readonly names?: readonly string[];
  readonly subscribe?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly initialVersions?: Readonly<Record<string, string>>;
};

/** A scripted xDS client: it sends what it is told to and answers nothing by itself. */
export type XdsClient = {
  /** Everything received so far, in order. */
  readonly messages: readonly Received[];
  /** Requests sent so far. */
  readonly requests: () => number;
  send(fields: RequestFields): void;
  /** Sends bytes that need not be a request. */
  sendBytes(bytes: Uint8Array): void;
  /** The next message not yet taken, of that type if one is given; throws after 20 s or when the stream ended. */
  receive(typeUrl?: string): Promise<Received>;
  /** Messages not yet taken. */
  pending(typeUrl?: string): readonly Received[];
  /** Stops and goes on reading from the network. */
  pause(): void;
  resume(): void;
  halfClose(): void;
  cancel(): void;
  /** The status with which the stream ended. */
  readonly ended: Promise<{ readonly code: number; readonly details: string }>;
  /** Another stream over the same connection. */
  another(): XdsClient;
  /** Closes the connection. */
  close(): void;
};

/** Opens a stream to the xDS server on `port`; `typeUrl` chooses the service when the variant is not the aggregated one. */
export function connectXds(port: number, variant: XdsVariant, typeUrl?: string, nodeId = "test-node"): XdsClient {
  const onlyType = variant.isAggregated ? undefined : typeUrl;
  const service = discoveryServices.find((each) => each.onlyType === onlyType);
  if (!service) throw new Error(`no discovery service for ${typeUrl}`);
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
  });
  return openStream({ client, variant, service, typeUrl, nodeId });
}

type StreamSettings = {
  readonly client: Client;
  readonly variant: XdsVariant;
  readonly service: DiscoveryService;
  readonly typeUrl: string | undefined;
  readonly nodeId: string;
};

function openStream(settings: StreamSettings): XdsClient {
  const { client, variant, service, typeUrl } = settings;
  const identity = (bytes: Uint8Array) => Buffer.from(bytes);
  const method = variant.isDelta ? service.deltaMethod : service.sotwMethod;
  const call: ClientDuplexStream<Uint8Array, Buffer> = client.makeBidiStreamRequest(
    `/${service.name}/${method}`,
    identity,
    identity,
  );
  const messages: Received[] = [];
  const taken = new Set<Received>();
  let status: { code: number; details: string } | undefined;
  const ended = new Promise<{ code: number; details: string }>((resolve) => {
    call.on("status", ({ code, details }) => {
      status = { code, details };
      resolve(status);
    });
  });
  call.on("error", () => undefined);
  call.on("data", (bytes: Buffer) => messages.push(variant.isDelta ? decodeDelta(bytes) : decodeSotw(bytes)));
  let requests = 0;
  const pending = (wanted?: string) =>
    messages.filter((message) => !taken.has(message) && (wanted === undefined || message.typeUrl === wanted));
  const sendBytes = (bytes: Uint8Array) => {
    requests++;
    call.write(bytes);
  };

  return {
    messages,
    requests: () => requests,
    send: (fields) => {
      const nodeId = fields.nodeId === undefined && requests === 0 ? settings.nodeId : fields.nodeId;
      const complete = { ...fields, nodeId, typeUrl: fields.typeUrl ?? typeUrl ?? "" };
      sendBytes(variant.isDelta ? encodeDelta(complete) : encodeSotw(complete));
    },
    sendBytes,
    receive: async (wanted) => {
      const message = await eventually(
        `a message of ${wanted ?? "any type"}`,
        () => {
          const first = pending(wanted)[0];
          if (!first && status) throw new Error(`the stream ended: ${status.code} ${status.details}`);
          return first;
        },
        20_000,
      );
      taken.add(message);
      return message;
    },
    pending,
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    halfClose: () => void call.end(),
    cancel: () => call.cancel(),
    ended,
    another: () => openStream(settings),
    close: () => {
      call.cancel();
      client.close();
    },
  };
}

function encodeDelta(fields: RequestFields): Uint8Array {
  return toBinary(
    DeltaDiscoveryRequestSchema,
    create(DeltaDiscoveryRequestSchema, {
      ...common(fields),
      resourceNamesSubscribe: [...(fields.subscribe ?? [])],
      resourceNamesUnsubscribe: [...(fields.unsubscribe ?? [])],
      initialResourceVersions: { ...fields.initialVersions },
    }),
  );
}

function encodeSotw(fields: RequestFields): Uint8Array {
  return toBinary(
    DiscoveryRequestSchema,
    create(DiscoveryRequestSchema, {
      ...common(fields),
      versionInfo: fields.version ?? "",
      resourceNames: [...(fields.names ?? [])],
    }),
  );
}

function common(fields: RequestFields) {
  return {
    typeUrl: fields.typeUrl ?? "",
    responseNonce: fields.nonce ?? "",
    ...(fields.nodeId ? { node: { id: fields.nodeId, cluster: "test-cluster" } } : {}),
    ...(fields.error === undefined ? {} : { errorDetail: { code: 13, message: fields.error } }),
  };
}

function decodeDelta(bytes: Uint8Array): Received {
  const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  return {
    typeUrl: response.typeUrl,
    version: response.systemVersionInfo,
    nonce: response.nonce,
    resources: new Map(
      response.resources.map(({ name, resource }) => [
        name,
        readTestResource(resource?.value ?? new Uint8Array()).content,
      ]),
    ),
    versions: new Map(response.resources.map(({ name, version }) => [name, version])),
    removed: response.removedResources,
    bytes: bytes.length,
  };
}

function decodeSotw(bytes: Uint8Array): Received {
  const response = fromBinary(DiscoveryResponseSchema, bytes);
  const resources = response.resources.map((any) => readTestResource(any.value));
  return {
    typeUrl: response.typeUrl,
    version: response.versionInfo,
    nonce: response.nonce,
    resources: new Map(resources.map(({ name, content }) => [name, content])),
    versions: new Map(),
    removed: [],
    bytes: bytes.length,
  };
}

/** A field that no Envoy message has, in which test resources carry their content. */
const contentField = 5000;

/** The bytes of a resource of any type that has its name in field 1 (as all types here have) and a content to recognise. */
export function testResource(name: string, content: string): Uint8Array {
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name);
  return writer.tag(contentField, WireType.LengthDelimited).string(content).finish();
}

function readTestResource(bytes: Uint8Array): { name: string; content: string } {
  const reader = new BinaryReader(bytes);
  const resource = { name: "", content: "" };
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) resource.name = reader.string();
    else if (field === contentField) resource.content = reader.string();
    else reader.skip(wireType, field);
  }
  return resource;
}
