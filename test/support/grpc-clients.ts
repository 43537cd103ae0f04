import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { projectFolder, toolsFolder } from "../../setup/paths.js";

const grpcioVersion = "1.84.0";

/** A gRPC library that is an xDS client by itself: the command that runs its test client. */
export type GrpcLibrary = { readonly title: string; readonly command: () => readonly string[] };

export const grpcLibraries: readonly GrpcLibrary[] = [
  {
    title: "@grpc/grpc-js-xds",
    command: () => [process.execPath, join(projectFolder, "test", "support", "grpc-xds-client.ts")],
  },
  {
    title: `grpcio ${grpcioVersion} of Python (C core)`,
    command: () => [pythonWithGrpc(), join(projectFolder, "test", "support", "grpc_xds_client.py")],
  },
];

/** Why the library cannot be used on this machine, for a skipped test; null when it can. In CI nothing may be missing. */
export function missingReason({ title, command }: GrpcLibrary): string | null {
  try {
    command();
    return null;
  } catch (error) {
    if (process.env.CI) throw error;
    return `${title} is not there: ${error instanceof Error ? error.message : error}`;
  }
}

/** A Python with grpcio, installed into the tools folder at first use. */
function pythonWithGrpc(): string {
  const folder = join(toolsFolder, `grpc-python-${grpcioVersion}`);
  const python = join(folder, "bin", "python");
  const stamp = join(folder, "installed");
  if (existsSync(stamp)) return python;
  execFileSync("python3", ["-m", "venv", folder], { stdio: "pipe" });
  const options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
  execFileSync(python, ["-m", "pip", "install", ...options, `grpcio==${grpcioVersion}`], { stdio: "pipe" });
  writeFileSync(stamp, "");
  return python;
}

export type GrpcXdsClient = {
  /** One call; without a key none is sent. `code` is the gRPC status code, `server` the name of the one that answered. */
  call(routingKey?: string): Promise<{ readonly server: string; readonly code: number }>;
  stop(): Promise<void>;
};

/** Starts a client of `xds:///<name>`, whose only configuration is the address of the xDS server. */
export function startGrpcXdsClient(
  library: GrpcLibrary,
  settings: {
    readonly name: string;
    readonly xdsPort: number;
    readonly nodeId: string;
    readonly folder: string;
    /** Of its connection to the xDS server; without TLS by default. */
    readonly channelCreds?: object;
  },
): GrpcXdsClient {
  const { name, xdsPort, nodeId, folder, channelCreds = { type: "insecure" } } = settings;
  const bootstrap = join(folder, `${nodeId}.json`);
  const { xds_servers: servers, node } = documentedBootstrap();
  const own = { server_uri: `localhost:${xdsPort}`, channel_creds: [channelCreds] };
  const xdsServers = servers.map((server) => ({ ...server, ...own }));
  writeFileSync(bootstrap, JSON.stringify({ xds_servers: xdsServers, node: { ...node, id: nodeId } }));
  const [command = "", ...args] = library.command();
  const child = spawn(command, [...args, `xds:///${name}`], {
    env: { ...process.env, GRPC_XDS_BOOTSTRAP: bootstrap },
    stdio: ["pipe", "pipe", "pipe"],
  });
  return conversation(child);
}

/** The bootstrap file that docs/xds.md tells users of gRPC to write. */
function documentedBootstrap(): { readonly xds_servers: readonly object[]; readonly node: object } {
  const documentation = readFileSync(join(projectFolder, "docs", "xds.md"), "utf8");
  const [, chapter = ""] = documentation.split("## A gRPC client without an Envoy");
  const [, json = ""] = /```json\n(.*?)```/s.exec(chapter) ?? [];
  return JSON.parse(json);
}

function conversation(child: ChildProcessWithoutNullStreams): GrpcXdsClient {
  const waiting: PromiseWithResolvers<string>[] = [];
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = `${errors}${chunk}`.slice(-5000);
  });
  child.stdin.on("error", () => undefined);
  createInterface(child.stdout).on("line", (line) => waiting.shift()?.resolve(line));
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      for (const each of waiting) each.reject(new Error(`the gRPC client ended: ${errors}`));
      resolve();
    });
  });
  return {
    call: async (routingKey = "-") => {
      const answer = Promise.withResolvers<string>();
      waiting.push(answer);
      child.stdin.write(`${routingKey}\n`);
      const [server = "-", code] = (await answer.promise).split(" ");
      return { server, code: Number(code) };
    },
    stop: async () => {
      child.stdin.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(timer);
    },
  };
}
