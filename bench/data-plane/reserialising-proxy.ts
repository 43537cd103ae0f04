import { Agent, createServer, request } from "node:http";

// The peer: a proxy in the request path that parses the body to look at it and serialises it again, as model routers
// built on an application framework do. Usage: node reserialising-proxy.ts PORT BACKEND_PORT
const [port = "0", backendPort = "0"] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

createServer(async (incoming, outgoing) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const body = Buffer.from(JSON.stringify(JSON.parse(Buffer.concat(chunks).toString("utf8"))));
  const upstream = request(
    {
      agent,
      host: "127.0.0.1",
      port: Number(backendPort),
      method: "POST",
      path: incoming.url,
      headers: { "content-type": "application/json", "content-length": body.length },
    },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  upstream.on("error", () => outgoing.writeHead(502).end());
  upstream.end(body);
}).listen(Number(port), "127.0.0.1");
