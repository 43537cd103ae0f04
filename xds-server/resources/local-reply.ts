import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AccessLogFilterSchema,
  ComparisonFilter_Op,
} from "../../proto/gen/envoy/config/accesslog/v3/accesslog_pb.js";
import {
  type LocalReplyConfig,
  LocalReplyConfigSchema,
  type ResponseMapperSchema,
} from "../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { headers } from "./headers.ts";
import { setHeader } from "./proto.ts";

export type Filter = MessageInitShape<typeof AccessLogFilterSchema>;

/** An answer that Envoy gives by itself, as `{"error": {"code", "message", "remedy", …}}`. */
export type LocalReply = {
  readonly code: string;
  readonly when: Filter;
  /** When it is not the status that Envoy would give. */
  readonly status?: number;
  /** For gRPC callers, when it is not the one that Envoy makes of the HTTP status. */
  readonly grpcStatus?: number;
  /** A sentence, or a whole format such as `%REQ(x-header)%`. */
  readonly message: string;
  readonly remedy: string;
};

/** An answer that is JSON of this form already, and goes through as it is. */
export type WrittenReply = { readonly when: Filter; readonly grpcStatus?: number };

/** The status codes of gRPC. Where Envoy would say UNIMPLEMENTED for 404 or INTERNAL for 400, these say what it is. */
export const grpc = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unavailable: 14,
} as const;

/** The documented errors of the request path, the first that applies. gRPC callers get the same JSON as `grpc-message`. */
const replies: readonly LocalReply[] = [
  {
    code: "missing_routing_key",
    grpcStatus: grpc.invalidArgument,
    when: all(flags("NR"), isPresent(headers.routingKey, false)),
    status: 400,
    message: `the request has no ${headers.routingKey} header`,
    remedy: "resolve the objective first, and send the routing key of the answer",
  },
  {
    code: "unknown_objective",
    grpcStatus: grpc.notFound,
    when: flags("NR"),
    message: "no objective is routed here for this routing key",
    remedy: "check the namespace and the objective in <namespace>/<objective>/<model>@<version>",
  },
  {
    code: "unknown_version",
    grpcStatus: grpc.notFound,
    when: status(404),
    message: "the objective does not serve the model version of this routing key",
    remedy: "resolve the objective again: the answer that this key came from is out of date",
  },
  {
    code: "overloaded",
    grpcStatus: grpc.resourceExhausted,
    when: flags("UO", "OM"),
    message: "the model has as many requests as the limits of its shards allow",
    remedy: "try again later, or raise the limits of its shards",
  },
  {
    code: "routes_unavailable",
    grpcStatus: grpc.unavailable,
    // The header is taken from clients, and comes with the route.
    when: all(flags("SI"), isPresent(headers.model, false)),
    status: 503,
    message: "the routes of this objective, which are loaded at its first request, have not come",
    remedy: "try again; if it goes on, look at the xds-servers, or set policy.loading of the objective to eager",
  },
  {
    code: "timeout",
    grpcStatus: grpc.deadlineExceeded,
    when: flags("UT", "SI", "DT", "UMSDR"),
    status: 504,
    message: "the model did not answer in time",
    remedy: "try again, or raise timeoutMs or idleTimeoutMs in the policy of the objective",
  },
  {
    code: "shard_unavailable",
    when: flags("UH", "UF", "NC"),
    status: 503,
    message: "no host of the model's shard can be reached",
    remedy: "try again; if it goes on, look at the health of the shards of its placement",
  },
  {
    code: "model_disconnected",
    when: flags("UC", "UR", "LR", "UPE"),
    message: "the connection to the model ended before its answer",
    remedy: "try again; the request was not repeated, because the model may have worked on it",
  },
  {
    code: "headers_too_large",
    when: status(431),
    message: "the request headers are larger than 32 KiB, or more than 100",
    remedy: "send less in headers; parameters belong in the body",
  },
  {
    code: "payload_too_large",
    when: status(413),
    message: "the request is larger than may be kept",
    remedy: "send a smaller request",
  },
];

/**
 * Everything that Envoy answers by itself is JSON; what a model answers is never touched. `own` are a listener's own
 * answers, which come before those of all.
 */
export function localReplyConfig(own: readonly (LocalReply | WrittenReply)[] = []): LocalReplyConfig {
  return create(LocalReplyConfigSchema, {
    mappers: [...own, ...replies].flatMap(mappers),
    bodyFormat: json("request_refused", "Envoy refused the request", "see details; correct the request"),
  });
}

function mappers(reply: LocalReply | WrittenReply): MessageInitShape<typeof ResponseMapperSchema>[] {
  const plain = {
    filter: reply.when,
    bodyFormatOverride: "code" in reply ? json(reply.code, reply.message, reply.remedy) : asWritten,
    ...("code" in reply && reply.status !== undefined ? { statusCode: reply.status } : {}),
  };
  if (reply.grpcStatus === undefined) return [plain];
  const headersToAdd = [setHeader("grpc-status", String(reply.grpcStatus))];
  return [{ ...plain, filter: all(reply.when, isGrpc()), headersToAdd }, plain];
}

const asWritten = {
  format: {
    case: "textFormatSource" as const,
    value: { specifier: { case: "inlineString" as const, value: "%LOCAL_REPLY_BODY%" } },
  },
  contentType: "application/json",
};

/**
 * A value of the client stands alone in its field: Envoy escapes such a field for JSON, but not a format inside of other
 * text (seen on 1.40).
 */
function json(code: string, message: string, remedy: string) {
  const context = {
    objective: `%REQ(${headers.objective})%`,
    routingKey: `%REQ(${headers.routingKey})%`,
    model: `%REQ(${headers.model})%`,
    requestId: "%REQ(x-request-id)%",
    details: "%RESPONSE_CODE_DETAILS%",
  };
  const value = { error: { code, message, remedy, ...context } };
  return {
    format: { case: "jsonFormat" as const, value },
    contentType: "application/json",
    omitEmptyValues: true,
  };
}

export function flags(...names: readonly string[]): Filter {
  return { filterSpecifier: { case: "responseFlagFilter", value: { flags: [...names] } } };
}

export function all(...filters: readonly Filter[]): Filter {
  return { filterSpecifier: { case: "andFilter", value: { filters: [...filters] } } };
}

export function any(...filters: readonly Filter[]): Filter {
  return { filterSpecifier: { case: "orFilter", value: { filters: [...filters] } } };
}

export function isPresent(name: string, present: boolean): Filter {
  const header = { name, headerMatchSpecifier: { case: "presentMatch" as const, value: present } };
  return { filterSpecifier: { case: "headerFilter", value: { header } } };
}

/** A request header with exactly this value. */
export function hasValue(name: string, value: string): Filter {
  const exact = { matchPattern: { case: "exact" as const, value } };
  const header = { name, headerMatchSpecifier: { case: "stringMatch" as const, value: exact } };
  return { filterSpecifier: { case: "headerFilter", value: { header } } };
}

export function endsWith(name: string, suffix: string): Filter {
  const end = { matchPattern: { case: "suffix" as const, value: suffix } };
  const header = { name, headerMatchSpecifier: { case: "stringMatch" as const, value: end } };
  return { filterSpecifier: { case: "headerFilter", value: { header } } };
}

function isGrpc(): Filter {
  const prefix = { matchPattern: { case: "prefix" as const, value: "application/grpc" } };
  const header = { name: "content-type", headerMatchSpecifier: { case: "stringMatch" as const, value: prefix } };
  return { filterSpecifier: { case: "headerFilter", value: { header } } };
}

/** The runtime key is demanded by Envoy, and nothing that anyone should set. */
export function status(code: number): Filter {
  const value = { defaultValue: code, runtimeKey: `signalbox.local_reply.${code}` };
  return {
    filterSpecifier: { case: "statusCodeFilter", value: { comparison: { op: ComparisonFilter_Op.EQ, value } } },
  };
}
