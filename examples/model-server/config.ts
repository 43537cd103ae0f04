import { z } from "zod";

const port = (byDefault: number) => z.coerce.number().int().min(0).max(65_535).default(byDefault);

const schema = z.object({
  HOST: z.string().default("127.0.0.1"),
  MODEL_SERVER_HTTP_PORT: port(9107),
  MODEL_SERVER_GRPC_PORT: port(9117),
  MODEL_SERVER_VERSIONS: z
    .string()
    .default("7,8")
    .transform((text) => text.split(",").map((version) => version.trim()))
    .pipe(z.array(z.enum(["7", "8"], { error: 'holds versions "7" and "8" only, with a comma between them' })).min(1)),
});

export type ModelServerConfig = {
  readonly host: string;
  /** 0 is any free port. */
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly versions: readonly string[];
};

/** Reads the environment; throws with a line for every variable that is wrong. An empty variable counts as absent. */
export function readConfig(environment: NodeJS.ProcessEnv): ModelServerConfig {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(
      ({ path: [variable], message }) => `${String(variable)}=${environment[String(variable)]}: ${message}`,
    );
    throw new Error([...new Set(lines)].join("\n"));
  }
  const { HOST, MODEL_SERVER_HTTP_PORT, MODEL_SERVER_GRPC_PORT, MODEL_SERVER_VERSIONS } = parsed.data;
  return {
    host: HOST,
    httpPort: MODEL_SERVER_HTTP_PORT,
    grpcPort: MODEL_SERVER_GRPC_PORT,
    versions: MODEL_SERVER_VERSIONS,
  };
}
