import type { AdmissionLimits } from "./admission.ts";
import type { StreamLimits } from "./stream.ts";

/** What clients may ask of one server. */
export type XdsLimits = StreamLimits &
  AdmissionLimits & {
    /** Bytes that may wait for the network in all streams before large responses wait for room. */
    readonly unsentBytesInAll: number;
    /** Milliseconds in which the first request of a stream has to come. */
    readonly firstRequestMs: number;
  };

const mebibyte = 1024 * 1024;

/** What holds where the owner of the server says nothing else. */
export const defaultLimits: XdsLimits = {
  ...{ typesPerStream: 64, namesPerType: 250_000, namesPerStream: 500_000 },
  ...{ unsentBytes: mebibyte, unsentBytesInAll: 256 * mebibyte, stalledMs: 60_000, firstRequestMs: 30_000 },
  ...{ streams: 10_000, streamsPerSecond: 500, streamBurst: 5000 },
};
