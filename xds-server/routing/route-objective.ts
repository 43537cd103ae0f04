import { qualifiedName } from "../../config/documents/document.ts";
import type { Model, ModelVersion } from "../../config/documents/model.ts";
import type { Objective } from "../../config/documents/objective.ts";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { modelsIn, objectiveRevision } from "../../config/relations/needs.ts";
import { oneCallHeaders } from "../../selection/one-call/headers.ts";
import { planOneCall } from "../../selection/one-call/plan.ts";
import { resolverTimes } from "../../selection/one-call/question.ts";
import { formatRoutingKey } from "../../selection/routing-key.ts";
import { defaultDecision } from "../../selection/rule-table.ts";
import { compileLive } from "../../selection/selector.ts";
import { pathRules } from "./path-rules.ts";
import type { ObjectiveRoutes, OneCallRoutes, ShadowCopy, VersionRoute } from "./routing-table.ts";
import { placementRuntimeKey, shadowRuntimeKey } from "./runtime-keys.ts";

/**
 * The routes of one live objective (`<namespace>/<name>`). Throws when it, or something it names, is not live: live
 * documents are consistent, so that is a defect.
 */
export function routeObjective(live: LiveDocuments, name: string): ObjectiveRoutes {
  const objective = required(live.objectives.get(name)?.document, `objective ${name}`);
  const candidates = modelsIn(live, objective)
    .map((modelName) => required(live.models.get(modelName)?.document, `model ${modelName}`))
    .flatMap((model) => model.spec.versions.map((version) => candidateOf(live, objective, model, version)))
    .sort((a, b) => (a.routingKey < b.routingKey ? -1 : 1));
  const versions = candidates.map((candidate) => versionRoute(candidate, candidates, objective));
  const { policy, default: byDefault } = objective.spec;
  const ofDefault = versions.find(({ model }) => model === `${byDefault.model}@${byDefault.version}`);
  const fallback = required(ofDefault, `the default of objective ${name}`);
  return {
    name,
    namespace: objective.metadata.namespace,
    objective: objective.metadata.name,
    revision: objectiveRevision(live, name),
    versions,
    fallback: policy.onUnknownKey === "default" ? fallback : null,
    timeoutMs: policy.timeoutMs,
    idleTimeoutMs: policy.idleTimeoutMs,
    retries: policy.retries,
    isLazy: policy.loading === "lazy",
    oneCall: oneCallRoutes(live, objective, fallback),
  };
}

function oneCallRoutes(live: LiveDocuments, objective: Objective, byDefault: VersionRoute): OneCallRoutes {
  const compiled = compileLive(live, objective);
  const { engine, program } = planOneCall(compiled);
  if (engine === "embedded") return { program, resolver: null };
  const { policy } = objective.spec;
  const { onResolverFailure: onFailure } = policy;
  const headers = oneCallHeaders(defaultDecision(compiled));
  const undecided = onFailure === "reject" ? { onFailure } : { onFailure, version: byDefault, headers };
  return { program, resolver: { timeoutMs: resolverTimes(policy).restMs, undecided } };
}

type Candidate = Omit<VersionRoute, "shadows"> & { readonly isGrpc: boolean };

function candidateOf(live: LiveDocuments, objective: Objective, model: Model, version: ModelVersion): Candidate {
  const { namespace } = model.metadata;
  const shards = version.placement.map(({ shard, weight }) => ({ cluster: `${namespace}/${shard}`, weight }));
  const specs = shards.map(({ cluster }) => live.shards.get(cluster)?.document.spec);
  // A placement is all gRPC or not at all, so that its first shard tells.
  const isGrpc = required(specs[0]?.protocol, `the shards of ${qualifiedName(model)}@${version.version}`) === "grpc";
  const names = { namespace, model: model.metadata.name, version: version.version };
  return {
    routingKey: formatRoutingKey({ ...names, objective: objective.metadata.name }),
    model: `${names.model}@${names.version}`,
    isGrpc,
    paths: pathRules(isGrpc ? "grpc" : model.spec.protocol, names.model, names.version),
    isOpenToGrpcClients: specs.every((spec) => spec?.protocol === "grpc" && !spec.tls && !spec.dns),
    shards,
    placementRuntimeKey: placementRuntimeKey(names),
  };
}

/** A version is never its own shadow, and a request for gRPC is never copied to a model without it, or back. */
function versionRoute(candidate: Candidate, candidates: readonly Candidate[], objective: Objective): VersionRoute {
  const { isGrpc, ...route } = candidate;
  const shadows = objective.spec.shadow.flatMap(({ model, version, percent }): ShadowCopy[] => {
    const shadow = candidates.find((other) => other.model === `${model}@${version}`);
    if (!shadow || shadow === candidate || shadow.isGrpc !== isGrpc) return [];
    const { namespace, name } = objective.metadata;
    const runtimeKey = shadowRuntimeKey({ namespace, objective: name, model, version });
    return [{ routingKey: shadow.routingKey, percent, runtimeKey }];
  });
  return { ...route, shadows };
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} is not among the live documents, which name it`);
  return value;
}
