import type { Model } from "./documents/model.ts";
import type { Shard } from "./documents/shard.ts";

export type ModelProtocol = Model["spec"]["protocol"];
export type ShardProtocol = Shard["spec"]["protocol"];

/** Which transports can carry which model protocol. */
export const transports: Readonly<Record<ModelProtocol, readonly ShardProtocol[]>> = {
  "open-inference": ["http1", "http2", "grpc"],
  "tensorflow-serving": ["http1", "http2"],
  sagemaker: ["http1", "http2"],
  openai: ["http1", "http2"],
  raw: ["http1", "http2", "grpc"],
};
