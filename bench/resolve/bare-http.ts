import { createServer } from "node:http";
import { serveGarbage } from "./garbage.ts";

// The least that a node:http server can do: it reads a request to its end and writes an answer that stands fixed, with
// the headers of the resolver's. Arguments: port, answer, port for its metrics.
const [port = "", answer = "", metricsPort = ""] = process.argv.slice(2);
const headers = { "content-type": "application/json; charset=utf-8", "content-length": Buffer.byteLength(answer) };

createServer((request, response) => {
  request.on("data", () => undefined);
  request.once("end", () => {
    response.writeHead(200, headers);
    response.end(answer);
  });
}).listen(Number(port), "127.0.0.1");
serveGarbage(Number(metricsPort));
