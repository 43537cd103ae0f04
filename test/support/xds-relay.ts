import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { DeltaDiscoveryResponseSchema } from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { definitionOf, discoveryServices } from "../../xds-server/protocol/service.ts";

/** Changes what an Envoy is sent of a resource, on its way; undefined leaves it as it is. */
export type Alter = (name: string, resource: Any) => Any | undefined;

/** Stands between an Envoy and its xds-server. */
export type XdsRelay = {
  readonly port: number;
  stop(): Promise<void>;
};

/** Passes delta ADS streams on to the xds-server on `xdsPort`, and alters resources on the way back. */
export async function startXdsRelay(xdsPort: number, alter: Alter): Promise<XdsRelay> {
  const [service] = discoveryServices;
  if (!service) throw new Error("the aggregated service is the first");
  const client = new Client(`127.0.0.1:${xdsPort}`, credentials.createInsecure());
  const server = new Server();
  const definition = definitionOf(service)[service.deltaMethod];
  if (!definition) throw new Error(`${service.name} has no ${service.deltaMethod}`);
  const method = { ...definition, responseSerialize: asIs, responseDeserialize: asIs };
  server.addService(
    { [service.deltaMethod]: method },
    {
      [service.deltaMethod]: (call: ServerDuplexStream<Buffer, Buffer>) => {
        const onward = client.makeBidiStreamRequest<Buffer, Buffer>(method.path, asIs, asIs);
        call.on("data", (request) => onward.write(request));
        call.on("end", () => onward.end());
        call.on("cancelled", () => onward.cancel());
        call.on("error", () => onward.cancel());
        onward.on("data", (response) => call.write(altered(response, alter)));
        onward.on("end", () => call.end());
        onward.on("error", (error) => call.emit("error", error));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    port,
    stop: async () => {
      client.close();
      server.forceShutdown();
    },
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function altered(bytes: Buffer, alter: Alter): Buffer {
  const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  for (const each of response.resources) {
    if (each.resource) each.resource = alter(each.name, each.resource) ?? each.resource;
  }
  return Buffer.from(toBinary(DeltaDiscoveryResponseSchema, response));
}
