import type { FollowEvent } from "../config/store/follower-status.ts";
import type { AnswerSource } from "./answer.ts";

/** What happens to a client, for the log and the counters of its process. */
export type ClientEvent =
  /** A resolver was asked again, because the first had not answered after the usual time. */
  | { readonly type: "hedged"; readonly url: string; readonly afterMs: number }
  | { readonly type: "resolver-failed"; readonly url: string; readonly reason: string }
  /** It is asked last for so long. */
  | { readonly type: "resolver-avoided"; readonly url: string; readonly forMs: number }
  /** An answer that no resolver gave just now, because none could. */
  | {
      readonly type: "fell-back";
      readonly objective: string;
      readonly source: Extract<AnswerSource, "stale" | "default" | "unresolved">;
      readonly reason: string;
    }
  /** A request is sent again with a fallback key; `reason` is the status or the failure of the first. */
  | {
      readonly type: "infer-retried";
      readonly objective: string;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  /** Answers may differ from now on: documents were published, or the resolvers' defaults changed. */
  | { readonly type: "changed" }
  | { readonly type: "snapshot-loaded"; readonly file: string; readonly objectives: number }
  | { readonly type: "snapshot-unusable"; readonly file: string; readonly reason: string }
  | { readonly type: "snapshot-not-written"; readonly reason: string }
  /** Local mode: rules and default decided, because the experiment platform did not tell a unit's cells in time. */
  | { readonly type: "cells-missing"; readonly namespace: string; readonly attribute: string; readonly reason: string }
  /** Local mode: what happens to its documents. */
  | { readonly type: "documents"; readonly event: FollowEvent }
  /** Local mode: why the other processes cannot hear of this one; null when they can again. */
  | { readonly type: "heartbeat"; readonly problem: string | null }
  /** Local mode: what hinders answering from the newest documents; null when it does no more. */
  | { readonly type: "activation"; readonly problem: string | null; readonly [detail: string]: unknown };

/** Hears of events. What it throws is ignored. */
export type EventListener = (event: ClientEvent) => void;

export type Events = {
  emit(event: ClientEvent): void;
  /** Returns what ends it. */
  subscribe(listener: EventListener): () => void;
};

export function createEvents(first?: EventListener): Events {
  const listeners = new Set<EventListener>();
  if (first) listeners.add(first);
  return {
    emit: (event) => {
      for (const listener of [...listeners]) {
        try {
          listener(event);
        } catch {
          // A listener's own failure must not become that of a call.
        }
      }
    },
    subscribe: (listener) => {
      const own: EventListener = (event) => listener(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
}
