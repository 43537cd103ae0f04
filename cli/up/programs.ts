import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { envoyBinary, natsServerBinary, projectFolder } from "../../setup/paths.js";
import { CommandError } from "../exit-codes.ts";
import type { Ports } from "./settings.ts";
import type { Program } from "./supervisor.ts";

/** The programs of a Signalbox on one machine. All listen on 127.0.0.1. */
export type Programs = {
  readonly nats: Program;
  readonly resolver: Program;
  readonly xdsServer: Program;
  readonly envoy: Program;
  readonly modelServers: readonly Program[];
};

export type ProgramSettings = {
  readonly ports: Ports;
  /** Where data and generated configuration go. */
  readonly dataFolder: string;
  /** Renders Envoy's bootstrap for the given addresses. */
  renderBootstrap(settings: { xdsPort: number; adminPort: number }): string;
};

/** Writes the configuration files of nats-server and Envoy, and describes every program. */
export function describePrograms({ ports, dataFolder, renderBootstrap }: ProgramSettings): Programs {
  const natsUrl = `nats://127.0.0.1:${ports.NATS_PORT}`;
  const common = { NATS_URL: natsUrl, SIGNALBOX_DATA: dataFolder, HOST: "127.0.0.1" };
  const portVariables = Object.fromEntries(Object.entries(ports).map(([variable, port]) => [variable, String(port)]));
  const node = (name: string, main: string, environment: Record<string, string>, readyUrl: string): Program => ({
    name,
    command: process.execPath,
    args: [join(projectFolder, main)],
    environment: { ...common, ...portVariables, ...environment },
    ready: () => answersOk(readyUrl),
  });
  const modelServer = (name: string, version: string, httpPort: number, grpcPort: number) =>
    node(
      name,
      "examples/model-server/main.ts",
      {
        MODEL_SERVER_VERSIONS: version,
        MODEL_SERVER_HTTP_PORT: String(httpPort),
        MODEL_SERVER_GRPC_PORT: String(grpcPort),
      },
      `http://127.0.0.1:${httpPort}/v2/health/ready`,
    );
  return {
    nats: describeNats(ports, dataFolder),
    resolver: node("resolver", "resolver/main.ts", {}, `http://127.0.0.1:${ports.RESOLVER_HTTP_PORT}/readyz`),
    xdsServer: node(
      "xds-server",
      "xds-server/main.ts",
      { ENVOY_RESOLVERS: `127.0.0.1:${ports.RESOLVER_HTTP_PORT}` },
      `http://127.0.0.1:${ports.XDS_HTTP_PORT}/readyz`,
    ),
    envoy: describeEnvoy(ports, dataFolder, renderBootstrap),
    modelServers: [
      modelServer("model-server-a", "7", ports.EXAMPLE_A_HTTP_PORT, ports.EXAMPLE_A_GRPC_PORT),
      modelServer("model-server-b", "8", ports.EXAMPLE_B_HTTP_PORT, ports.EXAMPLE_B_GRPC_PORT),
    ],
  };
}

function describeNats(ports: Ports, dataFolder: string): Program {
  const folder = join(dataFolder, "nats");
  const configuration = join(folder, "nats.conf");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    configuration,
    [
      `listen: "127.0.0.1:${ports.NATS_PORT}"`,
      "# A document of 1 MiB and its headers.",
      "max_payload: 4MB",
      `jetstream { store_dir: ${JSON.stringify(join(folder, "jetstream"))} }`,
      "",
    ].join("\n"),
  );
  return {
    name: "nats-server",
    command: required(natsServerBinary(), "nats-server"),
    args: ["--config", configuration],
    ready: () => accepts(ports.NATS_PORT),
  };
}

function describeEnvoy(ports: Ports, dataFolder: string, renderBootstrap: ProgramSettings["renderBootstrap"]): Program {
  const folder = join(dataFolder, "envoy");
  const bootstrap = join(folder, "bootstrap.yaml");
  mkdirSync(folder, { recursive: true });
  writeFileSync(bootstrap, renderBootstrap({ xdsPort: ports.XDS_GRPC_PORT, adminPort: ports.ENVOY_ADMIN_PORT }));
  return {
    name: "envoy",
    command: required(envoyBinary(), "Envoy"),
    args: [
      "--config-path",
      bootstrap,
      "--service-node",
      "local",
      "--service-cluster",
      "signalbox",
      "--disable-hot-restart",
    ],
    ready: () => answersOk(`http://127.0.0.1:${ports.ENVOY_ADMIN_PORT}/ready`),
  };
}

function required(binary: string | null, what: string): string {
  if (binary) return binary;
  throw new CommandError(`${what} is not installed: run \`npm run setup\`.`);
}

async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
  await response.arrayBuffer();
  return response.ok;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
