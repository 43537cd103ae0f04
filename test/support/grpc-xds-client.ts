import { createInterface } from "node:readline";
import { Client, credentials, Metadata, type status } from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";
import { echoMethods } from "./echo-grpc.ts";

// A gRPC client that finds its servers by xDS (GRPC_XDS_BOOTSTRAP), as a process of its own. Its argument is the target.
// For each routing key on a line of stdin it makes one call and prints `<server that answered> <status code>`.

register();
const client = new Client(process.argv[2] ?? "", credentials.createInsecure());
const { path, requestSerialize, responseDeserialize } = echoMethods.Collect;

for await (const key of createInterface(process.stdin)) {
  const metadata = new Metadata();
  if (key !== "-") metadata.set("x-routing-key", key);
  const deadline = new Date(Date.now() + 10_000);
  const line = await new Promise<string>((resolve) => {
    let server = "-";
    const options = { deadline };
    const call = client.makeUnaryRequest(
      ...([path, requestSerialize, responseDeserialize, Buffer.from("hello"), metadata, options] as const),
      (error: { code?: status } | null) => resolve(`${server} ${error ? error.code : 0}`),
    );
    call.on("metadata", (initial) => {
      server = String(initial.get("x-echo-server")[0] ?? "-");
    });
  });
  process.stdout.write(`${line}\n`);
}
client.close();
