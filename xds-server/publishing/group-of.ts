import { status } from "@grpc/grpc-js";
import { type AccessPolicy, describeAllowed } from "../access/access-policy.ts";
import { identitiesOf } from "../access/client-identity.ts";
import { Refusal } from "../protocol/call.ts";
import type { StreamInfo } from "../protocol/hooks.ts";
import type { Node } from "../protocol/node.ts";
import type { Peer } from "../protocol/server.ts";
import { readNode } from "./node-metadata.ts";
import { groupName, type ViewSelector } from "./view-selector.ts";
import { maxGroups, type Views } from "./views.ts";

/** Why a node is not served. */
export type RefusalReason = "bad_metadata" | "unknown_identity" | "namespace_denied" | "too_many_groups";

export type GroupOfDeps = {
  readonly views: Pick<Views, "groupFor">;
  /** Who may read what; undefined when every client that gets through may read everything. */
  readonly policy: () => AccessPolicy | undefined;
  /** Hears of each node that is refused; the log and the node are told why by the error. */
  readonly onRefused?: (reason: RefusalReason) => void;
};

export type GroupOf = {
  /** The group of a node; throws a `Refusal` that tells the node's operator what to change. */
  groupOf(node: Node, peer: Peer): string;
  /** Why a stream that was opened under an earlier policy has to end; undefined when nothing changed for it. */
  whyEnd(stream: Pick<StreamInfo, "node" | "group">): Refusal | undefined;
  /** Who the certificate of a node's connection says it is; empty without one. */
  identitiesOf(node: Node): readonly string[];
};

/** Finds the group of a node by what it says of itself, within what the identity of its certificate may read. */
export function createGroupOf({ views, policy, onRefused }: GroupOfDeps): GroupOf {
  const known = new WeakMap<Node, readonly string[]>();

  const allow = (node: Node): ViewSelector => {
    const asked = readNode(node);
    if (!asked.ok) {
      throw new NodeRefusal("bad_metadata", status.INVALID_ARGUMENT, `node "${node.id}": ${asked.problems.join("; ")}`);
    }
    return within(node, known.get(node) ?? [], asked.selector, policy());
  };

  const group = (node: Node): string => {
    const found = views.groupFor(allow(node));
    if (found !== undefined) return found;
    const message = `node "${node.id}" would be the first of its group, and there are ${maxGroups}: give nodes that serve the same the same metadata`;
    throw new NodeRefusal("too_many_groups", status.RESOURCE_EXHAUSTED, message);
  };

  return {
    groupOf: (node, { auth }) => {
      const certificate = auth.sslPeerCertificate?.raw;
      known.set(node, certificate ? identitiesOf(certificate) : []);
      try {
        return group(node);
      } catch (error) {
        if (error instanceof NodeRefusal) onRefused?.(error.reason);
        throw error;
      }
    },
    whyEnd: ({ node, group: current }) => {
      try {
        if (groupName(allow(node)) === current) return undefined;
        return new Refusal(status.UNAVAILABLE, `what node "${node.id}" may read has changed; reconnect`);
      } catch (error) {
        if (!(error instanceof NodeRefusal)) throw error;
        onRefused?.(error.reason);
        return error;
      }
    },
    identitiesOf: (node) => known.get(node) ?? [],
  };
}

class NodeRefusal extends Refusal {
  readonly reason: RefusalReason;
  constructor(reason: RefusalReason, code: number, message: string) {
    super(code, message);
    this.reason = reason;
  }
}

/** What a node that asks for no namespaces gets is all that it may read; one that asks for more than that is refused. */
function within(
  node: Node,
  identities: readonly string[],
  selector: ViewSelector,
  policy: AccessPolicy | undefined,
): ViewSelector {
  if (!policy) return selector;
  const who = identities.length === 0 ? "a certificate without a SPIFFE id or DNS name" : identities.join(", ");
  const allowed = policy.allowedFor(identities);
  if (allowed === undefined) {
    const message = `node "${node.id}": no rule of the identities file is for ${who}`;
    throw new NodeRefusal("unknown_identity", status.PERMISSION_DENIED, message);
  }
  if (allowed === "all") return selector;
  if (selector.namespaces === null) return { ...selector, namespaces: [...allowed].sort() };
  const denied = selector.namespaces.filter((namespace) => !allowed.has(namespace));
  if (denied.length === 0) return selector;
  const message = `node "${node.id}" (${who}) asks for ${denied.join(", ")}, and may read ${describeAllowed(allowed)}`;
  throw new NodeRefusal("namespace_denied", status.PERMISSION_DENIED, message);
}
