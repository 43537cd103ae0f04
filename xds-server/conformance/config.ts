import { z } from "zod";
import { commonVariables, port, readEnvironment } from "../../service/environment.ts";

const schema = z.object({
  HOST: commonVariables.HOST,
  LOG_LEVEL: commonVariables.LOG_LEVEL,
  DRAIN_TIMEOUT_MS: commonVariables.DRAIN_TIMEOUT_MS,
  /** xDS for the harness as a client. */
  XDS_GRPC_PORT: port(18_000),
  /** The service by which the harness sets what is served. */
  XDS_ADAPTER_PORT: port(17_000),
});

export type AdapterConfig = z.output<typeof schema>;

/** Reads the environment; throws `cannot_start` with every problem at once. */
export function readConfig(environment: NodeJS.ProcessEnv): AdapterConfig {
  return readEnvironment(schema, environment);
}
