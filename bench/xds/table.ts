import { writeFileSync } from "node:fs";
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { apiVersion } from "../../config/documents/common.ts";
import { documentId, documentKey } from "../../config/documents/document.ts";
import type { ModelInput } from "../../config/documents/model.ts";
import type { ObjectiveInput } from "../../config/documents/objective.ts";
import type { ShardInput } from "../../config/documents/shard.ts";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { emptyLiveDocuments, settle } from "../../config/settle.ts";
import { validateDocument } from "../../config/validate.ts";
import {
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "../../proto/gen/envoy/service/discovery/v3/discovery_pb.js";
import { commonResources, objectiveResources, shardResources } from "../../xds-server/resources/build.ts";
import type { KeyedListenerSettings } from "../../xds-server/resources/keyed-listener.ts";
import type { Resource } from "../../xds-server/resources/resource.ts";
import { routeObjective } from "../../xds-server/routing/route-objective.ts";

export type TableSize = {
  readonly objectives: number;
  /** Objectives are dealt out over the shards in turn; each shard has one endpoint. */
  readonly shards: number;
  readonly keysPerObjective: number;
  /** `eager` by default. */
  readonly loading?: "eager" | "lazy";
};

export type TableOptions = TableSize & {
  /** The model server that every shard's endpoint is. */
  readonly backendPort: number;
  readonly listener: KeyedListenerSettings;
};

/** What Envoys are served for documents of that size: the resources that the xds-server makes of them. */
export function tableResources(options: TableOptions): Resource[] {
  const live = liveDocuments(documents(options));
  return [
    ...commonResources(options.listener),
    ...[...live.shards].flatMap(([name, shard]) => shardResources({ name, spec: shard.document.spec })),
    ...[...live.objectives.keys()].flatMap((name) => objectiveResources(routeObjective(live, name))),
  ];
}

/** The routes of some objectives of the table, each with another timeout: what a change of one objective sends. */
export function changedRoutes(options: TableOptions, count: number): Resource[] {
  const indices = Array.from({ length: count }, (_, index) => Math.floor((index * options.objectives) / count));
  const live = liveDocuments([
    ...documents({ ...options, objectives: 0 }),
    ...indices.map((index, change) => objective(options, index, 60_000 + change)),
  ]);
  const routes = [...live.objectives.keys()].flatMap((name) => objectiveResources(routeObjective(live, name)));
  return routes.filter(({ typeUrl }) => typeUrl.endsWith(".RouteConfiguration"));
}

/** Writes resources as delimited `DeltaDiscoveryResponse` messages, one resource in each, so that any xDS library can read them. */
export function writeResources(file: string, resources: readonly Resource[]): void {
  const writer = new BinaryWriter();
  for (const resource of resources) writer.bytes(toBinary(DeltaDiscoveryResponseSchema, asResponse(resource)));
  writeFileSync(file, writer.finish());
}

function asResponse({ typeUrl, name, encode }: Resource): DeltaDiscoveryResponse {
  const value = encode().bytes;
  return create(DeltaDiscoveryResponseSchema, { typeUrl, resources: [{ name, resource: { typeUrl, value } }] });
}

type Input = ShardInput | ModelInput | ObjectiveInput;

function documents(options: TableOptions): Input[] {
  const { objectives, shards, keysPerObjective, backendPort } = options;
  const versions = Array.from({ length: keysPerObjective }, (_, index) => String(index));
  return Array.from({ length: shards }, (_, index): Input[] => [
    {
      apiVersion,
      kind: "Shard",
      metadata: { name: shardName(index) },
      spec: { endpoints: [{ address: "127.0.0.1", port: backendPort }] },
    },
    {
      apiVersion,
      kind: "Model",
      metadata: { name: modelName(index) },
      spec: { versions: versions.map((version) => ({ version, placement: [{ shard: shardName(index) }] })) },
    },
  ])
    .flat()
    .concat(Array.from({ length: objectives }, (_, index) => objective(options, index)));
}

/** Names have a fixed length, so that tables of different sizes can be compared byte by byte. */
function objective({ shards, loading }: TableSize, index: number, timeoutMs = 30_000): ObjectiveInput {
  return {
    apiVersion,
    kind: "Objective",
    metadata: { name: `objective-${digits(index, 6)}` },
    spec: { default: { model: modelName(index % shards), version: "0" }, policy: { timeoutMs, loading } },
  };
}

const shardName = (index: number) => `shard-${digits(index, 4)}`;
const modelName = (index: number) => `ranker-${digits(index, 4)}`;
const digits = (value: number, length: number) => String(value).padStart(length, "0");

function liveDocuments(inputs: readonly Input[]): LiveDocuments {
  const entries = inputs.map((input, index) => {
    const validation = validateDocument(input);
    if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
    const key = documentKey(documentId(validation.document));
    return { key, revision: index + 1, value: Buffer.from(JSON.stringify(validation.document)), at: "" };
  });
  return settle(emptyLiveDocuments, entries, new Date(0));
}
