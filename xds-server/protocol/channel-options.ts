import type { ChannelOptions } from "@grpc/grpc-js";

/**
 * The gRPC server options that xDS wants: requests up to 64 MiB (a reconnecting client lists every version it holds) and
 * keep-alive pings that notice a dead TCP connection within 40 s.
 */
export const xdsChannelOptions: ChannelOptions = {
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_concurrent_streams": 1000,
};

/**
 * The gRPC server options for connections that end after about `ageMs` (10 % more or less, at random) with a GOAWAY, so that
 * clients spread anew over all servers; streams that are still open 5 s later are cut off. 0 is no limit.
 */
export function maxConnectionAge(ageMs: number): ChannelOptions {
  return ageMs === 0 ? {} : { "grpc.max_connection_age_ms": ageMs, "grpc.max_connection_age_grace_ms": 5000 };
}
