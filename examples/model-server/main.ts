import { readConfig } from "./config.ts";
import { createLog } from "./log.ts";
import { startModelServer } from "./model-server.ts";

const drainTimeoutMs = 10_000;
const log = createLog(
  () => new Date(),
  (line) => process.stdout.write(line),
);

try {
  const config = readConfig(process.env);
  const server = await startModelServer(config, log);
  log("ready", { versions: config.versions, httpPort: server.httpPort, grpcPort: server.grpcPort });
  const drain = async (signal: NodeJS.Signals) => {
    log("ending", { signal });
    await server.drain(drainTimeoutMs);
    log("ended", {});
  };
  process.once("SIGTERM", drain);
  process.once("SIGINT", drain);
} catch (error) {
  console.error(`model-server: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
