import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { natsServerBinary } from "../../setup/paths.js";
import { freePort } from "./ports.ts";
import { answers, type Running, startProcess } from "./processes.ts";

/** A real nats-server with JetStream, on a port of its own. */
export type TestNats = Running & { readonly url: string; readonly port: number; readonly folder: string };

/** Starts nats-server over `folder`; the same folder and port again give the same data after a restart. */
export async function startNats(folder: string, port?: number): Promise<TestNats> {
  const binary = natsServerBinary();
  if (!binary) throw new Error("nats-server is not installed: run `npm run setup`");
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
  const running = await startProcess(binary, ["--config", configuration], {
    ready: () => answers(`http://127.0.0.1:${monitor}/healthz`),
  });
  return { ...running, url: `nats://127.0.0.1:${chosen}`, port: chosen, folder };
}
