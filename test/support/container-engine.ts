import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** What a client asked a container to be, in the words of Docker's API. */
export type AskedContainer = {
  readonly Image: string;
  readonly Cmd: readonly string[];
  readonly User: string;
  readonly Env: readonly string[];
  readonly HostConfig: { readonly NetworkMode: string; readonly Binds: readonly string[] };
};

/** A stand-in for a container engine: it speaks as much of Docker's API as `startContainer` needs. */
export type StandInEngine = {
  /** For `DOCKER_HOST`. */
  readonly address: string;
  readonly asked: readonly AskedContainer[];
  /** Ends its containers too. */
  stop(): Promise<void>;
};

/** Its containers are processes of this machine: `run` says which command line stands in for an image's. */
export async function startStandInEngine(run: (asked: AskedContainer) => readonly string[]): Promise<StandInEngine> {
  const asked: AskedContainer[] = [];
  const children: (ChildProcess | undefined)[] = [];
  const unexpected: string[] = [];

  const routes: readonly (readonly [RegExp, (id: number, body: unknown, response: ServerResponse) => unknown])[] = [
    [
      /^GET \/info$/,
      () => ({ OperatingSystem: "stand-in", ServerVersion: "28.0.0", Architecture: "x86_64", NCPU: 1, MemTotal: 1 }),
    ],
    [/^GET \/containers\/json$/, () => []],
    [/^GET \/images\/.+\/json$/, () => ({ Id: "image" })],
    [
      /^POST \/containers\/create$/,
      (_id, body) => ({ Id: String(asked.push(body as AskedContainer) - 1), Warnings: [] }),
    ],
    [
      /^POST \/containers\/(\d+)\/start$/,
      (id) => {
        const [command = "", ...args] = run(asked[id] as AskedContainer);
        children[id] = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
      },
    ],
    [/^GET \/containers\/(\d+)\/json$/, (id) => describe(id, asked[id], children[id])],
    [/^GET \/containers\/(\d+)\/logs$/, (id, _body, response) => follow(children[id], response)],
    [/^POST \/containers\/(\d+)\/stop$/, (id) => end(children[id])],
    [/^DELETE \/containers\/(\d+)$/, (id) => end(children[id])],
  ];

  const server = createServer(async (request, response) => {
    const path = (request.url ?? "").split("?")[0]?.replace(/^\/v[\d.]+(?=\/)/, "") ?? "";
    const line = `${request.method} ${path}`;
    const [pattern, answer] = routes.find(([each]) => each.test(line)) ?? [];
    if (!pattern || !answer) {
      unexpected.push(line);
      return void response.writeHead(404).end(JSON.stringify({ message: `the stand-in knows no ${line}` }));
    }
    const result = await answer(Number(pattern.exec(line)?.[1]), await bodyOf(request), response);
    if (response.headersSent) return;
    if (result === undefined) response.writeHead(204).end();
    else
      response
        .writeHead(line.endsWith("create") ? 201 : 200, { "content-type": "application/json" })
        .end(JSON.stringify(result));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stop: async () => {
      await Promise.all(children.map(end));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  return request.headers["content-type"]?.includes("json") && Number(request.headers["content-length"]) > 0
    ? await json(request)
    : undefined;
}

function describe(id: number, container: AskedContainer | undefined, child: ChildProcess | undefined) {
  const isRunning = child !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    Id: String(id),
    Name: `/stand-in-${id}`,
    Config: { Hostname: "stand-in", Labels: {}, ExposedPorts: {}, Image: container?.Image },
    State: {
      Status: isRunning ? "running" : "exited",
      Running: isRunning,
      StartedAt: new Date().toISOString(),
      FinishedAt: "",
    },
    HostConfig: { PortBindings: {} },
    NetworkSettings: { Ports: {}, Networks: {} },
  };
}

/** Both streams as the engine sends them: frames of a type (1 and 2), three zeros and the length. */
function follow(child: ChildProcess | undefined, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/vnd.docker.multiplexed-stream" });
  response.flushHeaders();
  for (const [type, stream] of [child?.stdout, child?.stderr].entries()) {
    stream?.on("data", (chunk: Buffer) => {
      const head = Buffer.alloc(8);
      head[0] = type + 1;
      head.writeUInt32BE(chunk.length, 4);
      response.write(Buffer.concat([head, chunk]));
    });
  }
  child?.once("close", () => response.end());
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}
