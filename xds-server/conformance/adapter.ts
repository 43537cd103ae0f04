import { create } from "@bufbuild/protobuf";
import {
  type Adapter,
  AddResourceResponseSchema,
  clearStateResponseSchema,
  RemoveResourceResponseSchema,
  type ResourceRequest,
  SetStateResponseSchema,
  UpdateResourceResponseSchema,
} from "../../proto/gen/adapter/adapter_pb.js";
import type { UnaryHandlers } from "../../service/grpc-service.ts";
import type { ResourceChange } from "../protocol/group.ts";
import type { ResourceInput } from "../protocol/resource.ts";
import { createSnapshotStore, type SnapshotStore } from "../protocol/snapshot.ts";
import { typeUrls } from "../protocol/type-urls.ts";
import { madeUpResource, nameOf, variedResource } from "./resources.ts";

/** The control service of a conformance harness, and the store that it changes; a node id is a group. */
export type AdapterParts = { readonly store: SnapshotStore; readonly handlers: UnaryHandlers<typeof Adapter> };

/** Creates the service without any state. */
export function createAdapter(): AdapterParts {
  const inner = createSnapshotStore();
  const cleared = new Set<string>();
  const bodies = new Map<string, ReadonlyMap<string, Uint8Array>>();
  let variations = 0;

  const change = (request: ResourceRequest, body: Uint8Array | null) => {
    const { node, typeUrl, resourceName: name, version } = request;
    const own = new Map(bodies.get(node));
    if (body) own.set(key(typeUrl, name), body);
    else own.delete(key(typeUrl, name));
    bodies.set(node, own);
    cleared.delete(node);
    const removal: ResourceChange = { typeUrl, name, resource: null };
    // Removed first, so that it counts as changed even under the version that it had.
    const changes = body ? [removal, { typeUrl, name, resource: input(body, version) }] : [removal];
    inner.apply(node, changes, version === "" ? {} : { typeVersions: new Map([[typeUrl, version]]) });
  };
  const bodyOf = ({ node, typeUrl, resourceName }: ResourceRequest) =>
    bodies.get(node)?.get(key(typeUrl, resourceName));

  return {
    store: { ...inner, view: (node) => (cleared.has(node) ? undefined : inner.view(node)) },
    handlers: {
      setState: ({ node, version, resources }) => {
        const snapshot = new Map<string, Map<string, ResourceInput>>();
        for (const { typeUrl, value } of resources) {
          const ofType = snapshot.get(typeUrl) ?? new Map<string, ResourceInput>();
          snapshot.set(typeUrl, ofType.set(nameOf(value), input(value, version)));
        }
        bodies.set(node, new Map(resources.map(({ typeUrl, value }) => [key(typeUrl, nameOf(value)), value])));
        cleared.delete(node);
        const types = new Set([...Object.values(typeUrls), ...snapshot.keys()]);
        inner.set(node, snapshot, { typeVersions: new Map([...types].map((typeUrl) => [typeUrl, version])) });
        return create(SetStateResponseSchema, { success: true });
      },
      clearState: ({ node }) => {
        cleared.add(node);
        bodies.delete(node);
        if (inner.view(node)) inner.set(node, new Map());
        return create(clearStateResponseSchema, { response: `${node} has no state` });
      },
      updateResource: (request) => {
        const body = bodyOf(request);
        if (body) change(request, variedResource(request.typeUrl, body, ++variations));
        return create(UpdateResourceResponseSchema, { success: body !== undefined });
      },
      addResource: (request) => {
        change(request, madeUpResource(request.typeUrl, request.resourceName));
        return create(AddResourceResponseSchema, { success: true });
      },
      removeResource: (request) => {
        const exists = bodyOf(request) !== undefined;
        if (exists) change(request, null);
        return create(RemoveResourceResponseSchema, { success: exists });
      },
    },
  };
}

function input(bytes: Uint8Array, version: string): ResourceInput {
  return version === "" ? { bytes } : { bytes, version };
}

function key(typeUrl: string, name: string): string {
  return `${typeUrl}\0${name}`;
}
