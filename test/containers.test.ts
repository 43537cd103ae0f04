import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { envoyBinary, envoyVersion, natsServerBinary } from "../setup/paths.js";
import { type StandInEngine, startStandInEngine } from "./support/container-engine.ts";
import { freePort } from "./support/ports.ts";
import { temporaryFolder } from "./support/processes.ts";

let engine: StandInEngine;

beforeAll(async () => {
  engine = await startStandInEngine(({ Image, Cmd }) => {
    return Image.startsWith("nats:")
      ? [natsServerBinary() ?? "", ...Cmd]
      : [envoyBinary(envoyVersion) ?? "", ...Cmd.slice(1)];
  });
  vi.stubEnv("DOCKER_HOST", engine.address);
  // It would want a container of its own that removes what a killed run leaves.
  vi.stubEnv("TESTCONTAINERS_RYUK_DISABLED", "true");
});

afterAll(async () => {
  await engine.stop();
  vi.unstubAllEnvs();
});

/** What every container is asked to be: like a process of this machine, of the same user and on the same ports. */
const likeAProcess = (folder: string) => ({
  User: `${process.getuid?.()}:${process.getgid?.()}`,
  HostConfig: { NetworkMode: "host", Binds: [`${folder}:${folder}:rw`] },
});

describe.skipIf(process.platform !== "linux")("where there is a container engine", () => {
  test("NATS runs from its image, and keeps its data from one container to the next", async () => {
    const { startNats } = await import("./support/nats.ts");
    const folder = temporaryFolder();
    const nats = await startNats(folder);
    expect(engine.asked.at(-1)).toMatchObject({ Image: expect.stringMatching(/^nats:2\./), ...likeAProcess(folder) });
    await nats.stop();
    expect(await nats.ended).toBe("container ended");
    expect(nats.output()).toContain("Server Exiting");
    const again = await startNats(folder, nats.port);
    expect(again.url).toBe(nats.url);
    await again.stop("SIGKILL");
  });

  test("Envoy runs from its image", async () => {
    const { startEnvoy } = await import("./support/envoy.ts");
    const port = await freePort();
    const bootstrap = `admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }`;
    const envoy = await startEnvoy(bootstrap, port, { until: "ready" });
    const { Cmd, ...asked } = engine.asked.at(-1) ?? {};
    expect(asked).toMatchObject({ Image: `envoyproxy/envoy:v${envoyVersion}`, Env: ["ENVOY_UID=0"] });
    expect(Cmd?.slice(0, 2)).toEqual(["envoy", "--config-path"]);
    expect(asked).toMatchObject(likeAProcess(Cmd?.[2]?.replace(/\/[^/]+$/, "") ?? ""));
    expect(await envoy.admin("/server_info")).toContain(envoyVersion);
    await envoy.stop();
    await envoy.ended;
  });

  test("what does not get ready is told with its output, and ends", async () => {
    const { startContainer } = await import("./support/containers.ts");
    const started = startContainer("nats:2", ["--no-such-flag"], {
      folders: [],
      ready: async () => false,
      readyTimeoutMs: 2000,
    });
    await expect(started).rejects.toThrow(/^nats:2 was not ready in time:\n[\s\S]*no-such-flag/);
  });
});
