import { type ParsedContext, parseContext } from "../selection/context.ts";
import { clientName, type TrafficClass, trafficClasses } from "../selection/labels.ts";
import type { ResolveRequest } from "./request.ts";

const noContext: ParsedContext = { ok: true, context: Object.freeze(Object.create(null)) };

/**
 * A request for one objective without an override, from parsed JSON, without the cost of a schema. Null for anything
 * else, {@link parseRequest} says what that is. Names are not looked at: an objective of another name is not found.
 */
export function readPlainFields(fields: unknown): ResolveRequest | null {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return null;
  let namespace = "default";
  let objective: string | undefined;
  let context = noContext;
  let client: string | undefined;
  let trafficClass: TrafficClass | undefined;
  for (const [field, value] of Object.entries(fields)) {
    if (field === "context") {
      if (value === undefined) continue;
      context = parseContext(value);
      if (!context.ok) return null;
    } else if (typeof value !== "string") return null;
    else if (field === "objective") objective = value;
    else if (field === "namespace") namespace = value;
    else if (field === "client" && clientName.test(value)) client = value;
    else if (field === "trafficClass" && isTrafficClass(value)) trafficClass = value;
    else return null;
  }
  if (objective === undefined || !context.ok) return null;
  return { namespace, objectives: [objective], single: true, context: context.context, client, trafficClass };
}

function isTrafficClass(text: string): text is TrafficClass {
  return (trafficClasses as readonly string[]).includes(text);
}
