import { existsSync } from "node:fs";
import type { Running, StartOptions } from "./processes.ts";

/**
 * True when a container engine is at hand: then NATS and Envoy run from their images instead of the local binaries. Only
 * on Linux, where a container on the host's network listens on, and reaches, the same loopback ports as a process.
 */
export const hasContainerEngine =
  process.platform === "linux" && (Boolean(process.env.DOCKER_HOST) || existsSync("/var/run/docker.sock"));

export type ContainerOptions = StartOptions & {
  /** Folders of this machine that the container sees under the same path. */
  readonly folders: readonly string[];
};

/** Starts a container on the host's network; the same contract as `startProcess`. */
export async function startContainer(
  image: string,
  command: readonly string[],
  options: ContainerOptions,
): Promise<Running> {
  const chunks: Buffer[] = [];
  let markEnded: (reason: string) => void;
  const ended = new Promise<string>((resolve) => {
    markEnded = resolve;
  });
  const { GenericContainer } = await import("testcontainers");
  const container = await new GenericContainer(image)
    .withNetworkMode("host")
    .withUser(`${process.getuid?.()}:${process.getgid?.()}`)
    .withBindMounts(options.folders.map((folder) => ({ source: folder, target: folder, mode: "rw" as const })))
    .withEnvironment({ ...options.environment })
    .withCommand([...command])
    .withLogConsumer((stream) => {
      stream.on("data", (chunk: Buffer | string) => chunks.push(Buffer.from(chunk)));
      stream.on("end", () => markEnded("container ended"));
    })
    .start();
  const output = () => Buffer.concat(chunks).toString("utf8");
  const running: Running = {
    processId: 0,
    output,
    ended,
    stop: async (signal = "SIGTERM") => {
      await container.stop({ timeout: signal === "SIGKILL" ? 0 : 10_000, remove: true }).catch(() => undefined);
      markEnded(signal);
    },
  };
  const deadline = Date.now() + (options.readyTimeoutMs ?? 60_000);
  while (options.ready && !(await options.ready().catch(() => false))) {
    if (Date.now() > deadline) {
      await running.stop("SIGKILL");
      throw new Error(`${image} was not ready in time:\n${output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return running;
}
