import { documentId, documentKey, documentTitle, type SignalboxDocument } from "../../config/documents/document.ts";
import type { Live, Rejection } from "../../config/live-documents.ts";
import type { Resource } from "../resources/resource.ts";
import type { Validate } from "../validation/validator.ts";

/** A problem of a resource: where in the proto, and what is wrong. */
export type ResourceProblem = { readonly path: string; readonly message: string };

/** What Envoy would refuse in these resources: `RouteConfiguration default/ranking: virtual_hosts[0].domains`. */
export function problemsOf(resources: readonly Resource[], validate: Validate): ResourceProblem[] {
  return resources.flatMap(({ name, message }) => {
    const type = message.$typeName.slice(message.$typeName.lastIndexOf(".") + 1);
    return validate(message).map((violation) => ({
      path: `${type} ${name}: ${violation.path}`,
      message: `${violation.message} (${violation.rule}); its last good resources stay in Envoy`,
    }));
  });
}

/** The documents whose resources Envoy would refuse, by what they are, such as `shard default/s1`. */
export type Refusals = {
  note(what: string, live: Live<SignalboxDocument>, problems: readonly ResourceProblem[]): void;
  end(what: string): void;
  all(): Rejection[];
};

/** `onRefused` hears of a document once for each time that it is refused. */
export function createRefusals(deps: {
  readonly now: () => Date;
  readonly onRefused?: (rejection: Rejection) => void;
}): Refusals {
  const refused = new Map<string, Rejection>();
  return {
    note: (what, live, problems) => {
      const rejection = rejectionOf(live, problems, deps.now());
      refused.set(what, rejection);
      deps.onRefused?.(rejection);
    },
    end: (what) => {
      refused.delete(what);
    },
    all: () => [...refused.values()],
  };
}

/** How a refused document shows in the status. */
function rejectionOf(
  { document, revision }: Live<SignalboxDocument>,
  problems: readonly ResourceProblem[],
  now: Date,
): Rejection {
  return {
    key: documentKey(documentId(document)),
    revision,
    problems: problems.map((problem) => ({ document: documentTitle(document), ...problem })),
    at: now.toISOString(),
  };
}
