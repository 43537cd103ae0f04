import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { natsServerBinary } from "../../setup/paths.js";
import { hasContainerEngine, startContainer } from "./containers.ts";
import { freePort } from "./ports.ts";
import { answers, makeTemporaryFolder, type Running, startProcess } from "./processes.ts";

/** A real nats-server with JetStream, on a port of its own. */
export type TestNats = Running & { readonly url: string; readonly port: number; readonly folder: string };

/** Starts nats-server over `folder`; the same folder and port again give the same data after a restart. */
export async function startNats(folder: string, port?: number): Promise<TestNats> {
  const chosen = port ?? (await freePort());
  const monitor = await freePort();
  const configuration = join(folder, "nats.conf");
  writeFileSync(
    configuration,
    [
      `listen: "127.0.0.1:${chosen}"`,
      `http: "127.0.0.1:${monitor}"`,
      "max_payload: 4MB",
      `jetstream { store_dir: ${JSON.stringify(join(folder, "jetstream"))} }`,
    ].join("\n"),
  );
  const ready = () => answers(`http://127.0.0.1:${monitor}/healthz`);
  const running = hasContainerEngine
    ? await startContainer("nats:2.12-alpine", ["--config", configuration], { ready, folders: [folder] })
    : await startProcess(requireBinary(natsServerBinary()), ["--config", configuration], { ready });
  return { ...running, url: `nats://127.0.0.1:${chosen}`, port: chosen, folder };
}

/** A nats-server that runs while the tests of the calling file do. */
export function natsForFile(): { readonly url: string } {
  let nats: TestNats | undefined;
  beforeAll(async () => {
    nats = await startNats(makeTemporaryFolder());
  });
  afterAll(async () => {
    await nats?.stop();
    if (nats) rmSync(nats.folder, { recursive: true, force: true });
  });
  return {
    get url() {
      if (!nats) throw new Error("nats-server runs in tests and hooks only");
      return nats.url;
    },
  };
}

function requireBinary(binary: string | null): string {
  if (!binary) throw new Error("nats-server is not installed: run `npm run setup`");
  return binary;
}
