import { z } from "zod";
import { CommandError, exitCode } from "../exit-codes.ts";

const port = (byDefault: number) => z.coerce.number().int().min(1).max(65_535).default(byDefault);

const schema = z.object({
  NATS_PORT: port(4222),
  RESOLVER_HTTP_PORT: port(7070),
  RESOLVER_GRPC_PORT: port(7071),
  XDS_GRPC_PORT: port(18_000),
  XDS_HTTP_PORT: port(18_001),
  ENVOY_KEYED_PORT: port(10_000),
  ENVOY_ONE_CALL_PORT: port(10_001),
  ENVOY_ADMIN_PORT: port(9901),
  EXAMPLE_A_HTTP_PORT: port(9107),
  EXAMPLE_A_GRPC_PORT: port(9117),
  EXAMPLE_B_HTTP_PORT: port(9108),
  EXAMPLE_B_GRPC_PORT: port(9118),
});

/** The ports of everything that `signalbox up` starts, each an environment variable of the same name. */
export type Ports = z.output<typeof schema>;

/** Reads the ports; a value that is no port is a usage error that names them all. */
export function readPorts(environment: NodeJS.ProcessEnv): Ports {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const variable = String(issue.path[0]);
    return `${variable}=${environment[variable]} is no port: give a number from 1 to 65535, or unset it.`;
  });
  throw new CommandError(problems.join("\n"), exitCode.usage);
}
