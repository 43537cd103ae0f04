import type { Context } from "../../selection/context.ts";
import type { Override } from "../../selection/decision.ts";
import type { Labels } from "../../selection/labels.ts";
import type { Resolution } from "../../selection/resolution.ts";

/** Objectives that are asked for together: they share everything else. */
export type ResolveCall = {
  readonly namespace: string;
  /** At most 100, each once. */
  readonly objectives: readonly string[];
  readonly context: Context;
  readonly labels: Labels;
  /** Only with a single objective. */
  readonly override?: Override;
  /** Of the override. */
  readonly token?: string;
};

/** What a resolver says of one objective. */
export type ResolveResult = Resolution | { readonly refused: Refusal };

/** What a resolver says of one call of several: a result for each of its objectives, or why it refuses the call. */
export type CallAnswer = readonly ResolveResult[] | { readonly refused: Refusal };

/** An error that a resolver answered. */
export type Refusal = {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
};

/** The default of every objective of a namespace. */
export type Defaults = {
  /** Names this content: the same for the same defaults. */
  readonly version: string;
  readonly resolutions: readonly Resolution[];
};

/**
 * One resolver. A method throws RefusedError when the resolver refused the whole call, anything else when it did not
 * answer, or not as a resolver does.
 */
export interface Transport {
  readonly url: string;
  /** One result for each objective, in the order asked. */
  resolve(call: ResolveCall, signal: AbortSignal): Promise<readonly ResolveResult[]>;
  /** An answer for each call, in the order asked, of which none has an override. */
  resolveMany(calls: readonly ResolveCall[], signal: AbortSignal): Promise<readonly CallAnswer[]>;
  /** Null when they are still those of `knownVersion`. */
  defaults(namespace: string, knownVersion: string | undefined, signal: AbortSignal): Promise<Defaults | null>;
  close(): void;
}

/** A resolver answered, and refused; another one would answer the same unless it is retryable. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.code}: ${refusal.message}`);
    this.refusal = refusal;
  }
}
