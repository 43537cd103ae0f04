import { rmSync } from "node:fs";
import { join } from "node:path";
import type { SignalboxDocument } from "../../config/documents/document.ts";
import { experimentSchema } from "../../config/documents/experiment.ts";
import { modelSchema } from "../../config/documents/model.ts";
import { objectiveSchema } from "../../config/documents/objective.ts";
import { connectStore } from "../../config/store/document-store.ts";
import { projectFolder } from "../../setup/paths.js";
import { startNats, type TestNats } from "./nats.ts";
import { freePorts } from "./ports.ts";
import { answers, makeTemporaryFolder, type Running, startProcess } from "./processes.ts";
import { testShard } from "./store-documents.ts";

/** A spawned `node resolver/main.ts`. */
export type TestResolver = Running & { readonly url: string; readonly grpcAddress: string };

export type ResolverOptions = {
  readonly natsUrl: string;
  readonly dataFolder: string;
  /** HTTP, gRPC; free ones when absent. */
  readonly ports?: readonly [number, number];
  readonly environment?: Readonly<Record<string, string>>;
  /** The path that must answer 200 before it counts as started; `/readyz` by default. */
  readonly readyPath?: string;
};

/** Starts the resolver and waits until it is ready. The caller stops it. */
export async function startTestResolver(options: ResolverOptions): Promise<TestResolver> {
  const [http, grpc] = options.ports ?? ((await freePorts(2)) as [number, number]);
  const url = `http://127.0.0.1:${http}`;
  const running = await startProcess(process.execPath, [join(projectFolder, "resolver/main.ts")], {
    environment: {
      NATS_URL: options.natsUrl,
      SIGNALBOX_DATA: options.dataFolder,
      RESOLVER_HTTP_PORT: String(http),
      RESOLVER_GRPC_PORT: String(grpc),
      // There is no xds-server that could say that its Envoys are ready.
      RESOLVER_ACTIVATION: "immediate",
      ...options.environment,
    },
    ready: () => answers(url + (options.readyPath ?? "/readyz")),
  });
  return { ...running, url, grpcAddress: `127.0.0.1:${grpc}` };
}

/** A nats-server and a resolver with the documents of {@link resolverDocuments}. */
export type ResolverWorld = {
  readonly nats: TestNats;
  readonly resolver: TestResolver;
  readonly folder: string;
  stop(): Promise<void>;
};

export async function startResolverWorld(environment: Readonly<Record<string, string>> = {}): Promise<ResolverWorld> {
  const folder = makeTemporaryFolder();
  const nats = await startNats(folder);
  await publish(nats.url, resolverDocuments);
  const resolver = await startTestResolver({ natsUrl: nats.url, dataFolder: folder, environment });
  return {
    nats,
    resolver,
    folder,
    stop: async () => {
      await resolver.stop();
      await nats.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Publishes documents; resolves with the revision. */
export async function publish(natsUrl: string, documents: readonly SignalboxDocument[]): Promise<number> {
  const store = await connectStore({ servers: natsUrl });
  const { revision } = await store.apply(documents.map((document) => ({ document })));
  await store.close();
  return revision;
}

const apiVersion = "signalbox.dev/v1";

/** The objective `ranking` of a namespace: kiosks get version 8, everybody else is split 50/50, the default is 7. */
export function rankingObjective(namespace = "default") {
  return objectiveSchema.parse({
    apiVersion,
    kind: "Objective",
    metadata: { namespace, name: "ranking" },
    spec: {
      unit: "userId",
      default: { model: "ranker", version: "7" },
      rules: [
        {
          name: "kiosks",
          when: { device: { in: ["kiosk"] } },
          serve: { model: "ranker", version: "8", parameters: { beam: 4 } },
        },
        {
          name: "canary",
          split: {
            variants: [
              { name: "stable", weight: 50, model: "ranker", version: "7" },
              { name: "canary", weight: 50, model: "ranker", version: "8" },
            ],
          },
        },
      ],
      policy: { ttlMs: 5000 },
    },
  });
}

/** The model `ranker`, versions 7 and 8, the first with a parameter. */
export const rankerModel = modelSchema.parse({
  apiVersion,
  kind: "Model",
  metadata: { name: "ranker" },
  spec: {
    versions: [
      { version: "7", placement: [{ shard: "gpu-a" }], parameters: { threshold: 0.4 } },
      { version: "8", placement: [{ shard: "gpu-a" }] },
    ],
  },
});

export const resolverDocuments: readonly SignalboxDocument[] = [testShard("gpu-a"), rankerModel, rankingObjective()];

/** On `ranking`, for one country: an outside platform says who is in which arm. */
export const fromLabExperiment = experimentSchema.parse({
  apiVersion,
  kind: "Experiment",
  metadata: { name: "from-lab" },
  spec: {
    when: { country: "FR" },
    arms: [{ name: "control" }, { name: "treatment" }],
    targets: [
      {
        objective: "ranking",
        arms: { control: { model: "ranker", version: "7" }, treatment: { model: "ranker", version: "8" } },
      },
    ],
    allocation: { by: "cells" },
  },
});
