import { status } from "@grpc/grpc-js";
import { Refusal } from "../protocol/call.ts";
import type { Node } from "../protocol/wire.ts";
import { readNode } from "./node-metadata.ts";
import { maxGroups, type Views } from "./views.ts";

/** Why a node is not served. */
export type RefusalReason = "bad_metadata" | "too_many_groups";

export type GroupOfDeps = {
  readonly views: Pick<Views, "groupFor">;
  /** Hears of each node that is refused; the log and the node are told why by the error. */
  readonly onRefused?: (reason: RefusalReason) => void;
};

/** Finds the group of a node by what it says of itself; throws a `Refusal` that tells the node's operator what to change. */
export function createGroupOf({ views, onRefused }: GroupOfDeps): (node: Node) => string {
  const refuse = (reason: RefusalReason, code: number, message: string): Refusal => {
    onRefused?.(reason);
    return new Refusal(code, message);
  };
  return (node) => {
    const asked = readNode(node);
    if (!asked.ok) {
      const message = `node "${node.id}": ${asked.problems.join("; ")}`;
      throw refuse("bad_metadata", status.INVALID_ARGUMENT, message);
    }
    const group = views.groupFor(asked.selector);
    if (group === undefined) {
      const message = `node "${node.id}" would be the first of its group, and there are ${maxGroups}: give nodes that serve the same the same metadata`;
      throw refuse("too_many_groups", status.RESOURCE_EXHAUSTED, message);
    }
    return group;
  };
}
