import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { serveGarbage } from "./garbage.ts";
import { resolveMethod } from "./grpc-method.ts";

// The least that a grpc-js server can do: it takes the bytes of a message and answers with bytes that stand fixed.
// Arguments: port, answer in base64, port for its metrics.
const [port = "", answer = "", metricsPort = ""] = process.argv.slice(2);
const bytes = Buffer.from(answer, "base64");

const server = new Server();
server.addService(
  { Resolve: resolveMethod },
  {
    Resolve: (_call: unknown, callback: sendUnaryData<Buffer>) => callback(null, bytes),
  },
);
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
serveGarbage(Number(metricsPort));
