import type { Node } from "./node.ts";

/** A stream as hooks and logs see it. */
export type StreamInfo = {
  /** Counts up from 1 in one process. */
  readonly id: number;
  readonly variant: "delta" | "sotw";
  /** The type of a single-type service; undefined on an aggregated stream. */
  readonly onlyType: string | undefined;
  /** The client's address and port. */
  readonly peer: string;
  readonly group: string;
  readonly node: Node;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
};

/** What a client did for which its stream was ended, or not opened. */
export type CutReason =
  | "garbage"
  | "too_large"
  | "too_many_names"
  | "too_many_types"
  | "too_many_requests"
  | "too_many_streams"
  | "no_request"
  | "never_reads";

/** What an outside observer (metrics, rollout) is told; every hook is optional, and called synchronously. */
export type XdsHooks = {
  readonly onStreamOpen?: (stream: StreamInfo) => void;
  readonly onStreamClose?: (stream: StreamInfo, reason: string) => void;
  /** A stream that was refused before it was open: `code` is a gRPC status code. */
  readonly onReject?: (rejection: { readonly peer: string; readonly code: number; readonly details: string }) => void;
  /** A stream was ended, or not opened, for what the client did. */
  readonly onCut?: (cut: { readonly peer: string; readonly reason: CutReason; readonly details: string }) => void;
  readonly onResponse?: (stream: StreamInfo, response: ResponseInfo) => void;
  readonly onAck?: (stream: StreamInfo, ack: { readonly typeUrl: string; readonly names: readonly string[] }) => void;
  readonly onNack?: (stream: StreamInfo, nack: NackInfo) => void;
  /** One of the stream's revisions went up (or down, by a new subscription), though perhaps nothing was sent or answered. */
  readonly onProgress?: (stream: StreamInfo, revisions: ReachedRevisions) => void;
};

/** The highest revision of which a client has answered everything that it subscribes to, and has it in use; undefined when none. */
export type ReachedRevisions = { readonly settled: number | undefined; readonly acknowledged: number | undefined };

export type ResponseInfo = {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: number;
  readonly removed: number;
  readonly bytes: number;
};

export type NackInfo = {
  readonly typeUrl: string;
  readonly names: readonly string[];
  readonly code: number;
  readonly message: string;
};

/** The part of a pino logger that the protocol layer writes to. */
export type XdsLogger = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};
