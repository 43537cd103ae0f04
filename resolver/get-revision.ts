import { type ErrorCode, SignalboxError } from "../service/errors.ts";
import { sendError, sendJson } from "../service/http-app.ts";
import { callerOf, type Endpoint } from "./endpoint.ts";
import type { Observation } from "./observation.ts";
import { checkRevision, type RevisionOf } from "./revision.ts";

/**
 * `GET /v1/revisions/{revision}`: where a published revision is live, for pipelines. `?from=` is the first revision of the
 * batch, when a rejection of any of its documents is asked for.
 */
export function getRevision(deps: { readonly revisionOf: RevisionOf; readonly observation: Observation }): Endpoint {
  const { revisionOf, observation } = deps;
  return async (request, response) => {
    const startedAt = performance.now();
    let code: ErrorCode | "ok" = "ok";
    try {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://resolver");
      const revision = checkRevision(decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1)), "revision");
      const from = searchParams.get("from");
      response.setHeader("cache-control", "no-store");
      const state = revisionOf(revision, from === null ? undefined : checkRevision(from, "from"));
      sendJson(response, 200, JSON.stringify(state));
    } catch (thrown) {
      code = SignalboxError.from(thrown).code;
      observation.callFailed("http", "revision", thrown, callerOf(request));
      sendError(response, thrown);
    }
    observation.callEnded("http", "revision", code, (performance.now() - startedAt) / 1000);
  };
}
