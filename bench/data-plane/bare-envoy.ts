import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { toJson } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { documentId, documentKey } from "../../config/documents/document.ts";
import { emptyLiveDocuments, settle } from "../../config/settle.ts";
import { validateDocument } from "../../config/validate.ts";
import { renderBootstrap } from "../../envoy/bootstrap.ts";
import { registry } from "../../proto/registry.ts";
import { commonResources, objectiveResources, shardResources } from "../../xds-server/resources/build.ts";
import type { Resource } from "../../xds-server/resources/resource.ts";
import { routeDocuments } from "../../xds-server/routing/route-documents.ts";
import { documents } from "./documents.ts";

// biome-ignore lint/suspicious/noExplicitAny: JSON of Envoy's configuration, taken apart and put together again
type Json = any;

/**
 * Writes the configuration of an Envoy that does for one model version all that Signalbox's Envoy does (headers, retries,
 * timeouts, limits, error answers, overload protection, stats), but with one static route: no xDS, no scopes, no map of
 * routing keys. The difference to Signalbox's Envoy is the price of the routing alone. Answers with the file.
 */
export function bareEnvoyConfiguration(settings: {
  folder: string;
  port: number;
  adminPort: number;
  backendPort: number;
}): string {
  const table = routeDocuments(liveDocuments(settings.backendPort));
  const common = commonResources({ address: "127.0.0.1", port: settings.port, accessLog: "off" });
  const [shard, objective] = [[...table.shards.values()][0], [...table.objectives.values()][0]];
  if (!shard || !objective) throw new Error("the benchmark's documents are not live");
  const own = [...shardResources(shard), ...objectiveResources(objective)];
  const find = (type: string, name?: string) => {
    const found = [...common, ...own].find(
      (each) => each.typeUrl.endsWith(`.${type}`) && (name === undefined || each.name === name),
    );
    if (!found) throw new Error(`Signalbox makes no ${type}`);
    return plain(found);
  };
  const { eds_cluster_config: _, ...cluster } = find("Cluster", shard.name);
  const { dynamic_resources: __, ...bootstrap } = parse(renderBootstrap({ adminPort: settings.adminPort })) as Json;
  const configuration = {
    ...bootstrap,
    layered_runtime: { layers: [{ name: "admin", admin_layer: {} }] },
    static_resources: {
      listeners: [withStaticRoute(find("Listener", "keyed"), find("RouteConfiguration"))],
      clusters: [{ ...cluster, type: "STATIC", load_assignment: find("ClusterLoadAssignment") }],
    },
  };
  const file = join(settings.folder, "bare-envoy.json");
  writeFileSync(file, JSON.stringify(configuration));
  return file;
}

function withStaticRoute(listener: Json, routes: Json): Json {
  const manager = listener.filter_chains[0].filters[0].typed_config;
  const { scoped_routes: _, ...kept } = manager;
  const [virtualHost] = routes.virtual_hosts;
  const { matcher, ...host } = virtualHost;
  const [action] = Object.values(matcher.matcher_tree.exact_match_map.map) as Json[];
  const { "@type": __, ...route } = action.action.typed_config;
  const staticRoutes = { ...routes, virtual_hosts: [{ ...host, routes: [route] }] };
  const filter = { ...listener.filter_chains[0].filters[0], typed_config: { ...kept, route_config: staticRoutes } };
  return { ...listener, filter_chains: [{ ...listener.filter_chains[0], filters: [filter] }] };
}

function liveDocuments(backendPort: number) {
  const entries = documents({ objectives: 1, versions: 1, backendPort }).map((input, index) => {
    const validation = validateDocument(input);
    if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
    const value = Buffer.from(JSON.stringify(validation.document));
    return { key: documentKey(documentId(validation.document)), revision: index + 1, value, at: "" };
  });
  return settle(emptyLiveDocuments, entries, new Date(0));
}

function plain({ message }: Resource): Json {
  const schema = registry.getMessage(message.$typeName);
  if (!schema) throw new Error(`no schema of ${message.$typeName}`);
  return toJson(schema, message, { registry, useProtoFieldName: true });
}
