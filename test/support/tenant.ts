import { connect } from "@nats-io/transport-node";
import { type Outcome, signalbox } from "./command-line.ts";

let namespaces = 0;

/** Another tenant for each test: the command line in it, and small documents of it. */
export function createTenant(natsUrl: string) {
  const namespace = `team-${++namespaces}`;
  const run = (line: string): Promise<Outcome> =>
    signalbox([...line.split(" "), "-n", namespace], { environment: { NATS_URL: natsUrl } });
  const apply = (input: string | Uint8Array, ...args: string[]) =>
    signalbox(["apply", "-f", "-", ...args], { input, environment: { NATS_URL: natsUrl } });
  const document = (kind: string, name: string, spec: unknown, metadata: object = {}) =>
    JSON.stringify({ apiVersion: "signalbox.dev/v1", kind, metadata: { namespace, name, ...metadata }, spec });
  const shard = (name = "pool", port = 8080, metadata: object = {}) =>
    document("Shard", name, { endpoints: [{ address: "127.0.0.1", port }] }, metadata);
  const model = (versions = ["7", "8"]) =>
    document("Model", "ranker", { versions: versions.map((version) => ({ version, placement: [{ shard: "pool" }] })) });
  const objective = (spec: object = {}, metadata: object = {}) =>
    document("Objective", "ranking", { default: { model: "ranker", version: "7" }, ...spec }, metadata);
  /** Publishes a shard, a model with versions 7 and 8, and an objective. */
  const publishAll = async () => {
    const { code, stderr } = await apply([shard(), model(), objective()].join("\n---\n"));
    if (code !== 0) throw new Error(stderr);
  };
  const revisionOf = async (kind: string, name: string): Promise<number> =>
    (JSON.parse((await run(`get ${kind} ${name} -o json`)).stdout) as { metadata: { revision: number } }).metadata
      .revision;
  return { namespace, run, apply, document, shard, model, objective, publishAll, revisionOf };
}

/** Puts bytes where documents are, past all checks. */
export async function putBytes(natsUrl: string, key: string, bytes: string): Promise<void> {
  const connection = await connect({ servers: natsUrl });
  connection.publish(`$KV.signalbox.${key}`, bytes);
  await connection.drain();
}
