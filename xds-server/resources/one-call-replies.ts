import { undecidedKey } from "../../selection/lua/emit-program.ts";
import { refusedByResolver } from "../../selection/one-call/question.ts";
import { headers } from "./headers.ts";
import {
  all,
  any,
  endsWith,
  flags,
  grpc,
  hasValue,
  isPresent,
  type LocalReply,
  status,
  type WrittenReply,
} from "./local-reply.ts";

/** Why selection/lua/filter refuses a request: the code and the message are in headers. */
const refusals = [
  {
    code: "invalid_request",
    grpcStatus: grpc.invalidArgument,
    remedy: "correct the header; values of a context are UTF-8 in percent-encoding",
  },
  {
    code: "override_denied",
    grpcStatus: grpc.permissionDenied,
    remedy: "resolve with the override and send the routing key, or set policy.engine of the objective to resolver",
  },
] as const;

/** What the resolver refuses, in its own words: they come by `ext_authz` or by the Lua filter. */
const byResolver = any(flags("UAEX"), hasValue(headers.error, refusedByResolver));

/** What the one-call listener answers by itself, before what all listeners do. */
export const oneCallReplies: readonly (LocalReply | WrittenReply)[] = [
  { when: all(byResolver, status(400)), grpcStatus: grpc.invalidArgument },
  { when: byResolver },
  {
    code: "selection_unavailable",
    grpcStatus: grpc.unavailable,
    when: endsWith(headers.routingKey, undecidedKey("", "reject")),
    message: "no resolver answered in time, and the objective does not fall back to its default",
    remedy: "try again; if it goes on, look at the resolvers",
  },
  ...refusals.map((refusal) => ({
    ...refusal,
    when: hasValue(headers.error, refusal.code),
    message: `%REQ(${headers.errorMessage})%`,
  })),
  {
    code: "missing_objective",
    grpcStatus: grpc.invalidArgument,
    when: all(flags("NR"), isPresent(headers.objective, false)),
    status: 400,
    message: `the request has no ${headers.objective} header`,
    remedy: "send the namespace and the objective, such as default/ranking",
  },
  {
    code: "unknown_objective",
    grpcStatus: grpc.notFound,
    when: flags("NR"),
    message: "no objective of this name is routed here",
    remedy: `check the namespace and the objective in ${headers.objective}`,
  },
];
