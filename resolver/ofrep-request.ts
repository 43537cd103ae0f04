import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { explainIssue, problemsOfIssues } from "../config/explain-issue.ts";
import { formatPath } from "../config/field-path.ts";
import { SignalboxError } from "../service/errors.ts";
import { checkNamespace } from "./get-defaults.ts";
import { parseRequest, type ResolveRequest } from "./request.ts";

/** The body of OFREP's requests, single and bulk; a provider of a later version may send more. */
const bodySchema = z.looseObject({ context: z.unknown().optional() });

/**
 * The question in an OFREP request: the namespace comes in the header `x-signalbox-namespace` (`default` when absent), the
 * labels in those that models get them in. Throws `invalid_request`.
 */
export function parseOfrepRequest(body: unknown, { headers }: IncomingMessage, objective: string): ResolveRequest {
  const parsed = bodySchema.safeParse(body, { error: explainIssue });
  if (!parsed.success) {
    const problems = problemsOfIssues(parsed.error.issues).map(({ path, message }) => ({
      path: formatPath(path),
      message,
    }));
    throw new SignalboxError("invalid_request", 'The body must be an object such as {"context": {}}', { problems });
  }
  const { context = {} } = parsed.data;
  return parseRequest({
    namespace: checkNamespace(only(headers["x-signalbox-namespace"]) ?? "default", "x-signalbox-namespace"),
    objective,
    context: context ?? {},
    trafficClass: only(headers["x-signalbox-traffic-class"]),
    client: only(headers["x-signalbox-client"]),
  });
}

function only(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(", ") : header;
}
