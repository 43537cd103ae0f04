import { create, type JsonObject } from "@bufbuild/protobuf";
import { type AccessLog, AccessLogSchema } from "../../proto/gen/envoy/config/accesslog/v3/accesslog_pb.js";
import { FileAccessLogSchema } from "../../proto/gen/envoy/extensions/access_loggers/file/v3/file_pb.js";
import { StdoutAccessLogSchema } from "../../proto/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { FractionalPercent_DenominatorType } from "../../proto/gen/envoy/type/v3/percent_pb.js";
import { headers } from "./headers.ts";
import { extensionChoice } from "./proto.ts";

/** "stdout", "off", or the path of a file on Envoy's machine. */
export type AccessLogTarget = string;

/** An operator thins the log by this runtime key: a percentage of the requests, 100 by default. */
export const accessLogRuntimeKey = "signalbox.access_log";

const request = (name: string) => `%REQ(${name})%`;
const response = (name: string) => `%RESP(${name})%`;

/** One line a request. Fields without a value are left out; durations in milliseconds. */
const format: JsonObject = {
  event: "request",
  time: "%START_TIME%",
  listener: "%FILTER_CHAIN_NAME%",
  requestId: request("x-request-id"),
  routingKey: request(headers.routingKey),
  decision: request(headers.decision),
  trafficClass: request(headers.trafficClass),
  client: request(headers.client),
  model: request(headers.model),
  shard: "%UPSTREAM_CLUSTER%",
  revision: response(headers.revision),
  fallback: response(headers.fallback),
  upstream: "%UPSTREAM_HOST%",
  upstreamAttempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
  downstream: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
  method: request(":method"),
  path: request(":path"),
  protocol: "%PROTOCOL%",
  status: "%RESPONSE_CODE%",
  grpcStatus: "%GRPC_STATUS_NUMBER%",
  responseFlags: "%RESPONSE_FLAGS%",
  details: "%RESPONSE_CODE_DETAILS%",
  bytesReceived: "%BYTES_RECEIVED%",
  bytesSent: "%BYTES_SENT%",
  durationMs: "%DURATION%",
  requestDurationMs: "%REQUEST_DURATION%",
  firstByteMs: "%RESPONSE_DURATION%",
};

/** The access log as a list, empty when it is off. */
export function accessLog(target: AccessLogTarget): AccessLog[] {
  if (target === "off") return [];
  const accessLogFormat = {
    case: "logFormat" as const,
    value: { format: { case: "jsonFormat" as const, value: format }, omitEmptyValues: true },
  };
  const logger =
    target === "stdout"
      ? extensionChoice("envoy.access_loggers.stdout", StdoutAccessLogSchema, { accessLogFormat })
      : extensionChoice("envoy.access_loggers.file", FileAccessLogSchema, { path: target, accessLogFormat });
  const percentSampled = { numerator: 100, denominator: FractionalPercent_DenominatorType.HUNDRED };
  const runtimeFilter = { runtimeKey: accessLogRuntimeKey, percentSampled, useIndependentRandomness: true };
  return [
    create(AccessLogSchema, {
      ...logger,
      filter: { filterSpecifier: { case: "runtimeFilter", value: runtimeFilter } },
    }),
  ];
}
