import { performance } from "node:perf_hooks";
import type { Context } from "../selection/context.ts";
import type { Answer, Outcome } from "./answer.ts";
import { createEvents, type EventListener } from "./events.ts";
import { type ContextOf, createFetch } from "./fetch.ts";
import { createInfer, type Inference, type InferOptions, type Payload } from "./infer.ts";
import { createInterceptor, type GrpcContextOf, type GrpcInterceptor } from "./interceptor.ts";
import { openSource } from "./open-source.ts";
import { checkOptions, type SignalboxOptions } from "./options.ts";
import { type Question, questionOf, type ResolveOptions } from "./question.ts";
import { resolveOrUnresolved } from "./unresolved.ts";

/** Answers which model version serves a request, and sends the request. Made by {@link createSignalbox}. */
export type Signalbox = {
  /**
   * Which model version answers an objective for a context: attributes such as `{ userId: "42", device: "tv" }`, never
   * model inputs. Rejects with SignalboxClientError; that a resolver is down is no reason, unless nothing is known of the
   * objective from before (`unavailable`).
   */
  resolve(objective: string, context: Context, options?: ResolveOptions): Promise<Answer>;
  /** As `resolve` for several objectives with one context, in the order asked; each has its own answer or error. */
  resolveMany(objectives: readonly string[], context: Context, options?: ResolveOptions): Promise<readonly Outcome[]>;
  /**
   * Resolves, then sends the payload through Envoy and gives the model's answer, whatever its status. See
   * {@link InferOptions}; bodies stream in both directions.
   */
  infer(objective: string, context: Context, payload: Payload, options?: InferOptions): Promise<Inference>;
  /**
   * A `fetch` that resolves before each request and adds the headers; the body goes as it is. For libraries that take a
   * `fetch`. Paths such as `/v1/chat/completions` are those of `envoyUrl`.
   */
  fetch(objective: string, context: ContextOf, options?: Omit<ResolveOptions, "signal">): typeof globalThis.fetch;
  /** An interceptor for clients of `@grpc/grpc-js` that resolves before each call and adds the metadata. */
  interceptor(objective: string, context: GrpcContextOf, options?: Omit<ResolveOptions, "signal">): GrpcInterceptor;
  /** Resolves when it can answer without waiting. Never rejects. */
  readonly ready: Promise<void>;
  /** Hears of events from now on; returns what ends that. */
  subscribe(listener: EventListener): () => void;
  /** Ends what runs in the background, and closes the connections. */
  close(): Promise<void>;
};

/**
 * Makes a client: one for a process, for as long as it runs. It connects in the background. Throws `invalid_options`
 * with everything that is wrong.
 */
export function createSignalbox(options: SignalboxOptions): Signalbox {
  const checked = checkOptions(options);
  const events = createEvents(checked.onEvent);
  const fetch = checked.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const source = openSource(checked, { fetch, emit: events.emit, nowMs: () => performance.now(), random: Math.random });
  const defaults = {
    namespace: checked.namespace,
    labels: { client: checked.client, trafficClass: checked.trafficClass },
  };
  const ask = (objective: string, context: unknown, given: ResolveOptions = {}): Question =>
    questionOf(objective, context, given, defaults);
  const resolve = async (objective: string, context: Context, given?: ResolveOptions): Promise<Answer> =>
    source.resolve(ask(objective, context, given), given?.signal);
  const sending = {
    fetch,
    emit: events.emit,
    envoyUrl: checked.envoyUrl,
    defaultFor: (answer: Answer) => source.defaultFor(answer.objective),
    resolve: (objective: string, context: Context, given: ResolveOptions = {}) =>
      resolveOrUnresolved(source, ask(objective, context, given), events.emit, given.signal),
  };
  return {
    resolve,
    resolveMany: (objectives, context, given) =>
      Promise.all(
        objectives.map(async (objective): Promise<Outcome> => {
          const name = `${given?.namespace ?? checked.namespace}/${objective}`;
          try {
            return { objective: name, answer: await resolve(objective, context, given) };
          } catch (error) {
            if (given?.signal?.aborted) throw error;
            return { objective: name, error: error as Error };
          }
        }),
      ),
    infer: createInfer(sending),
    fetch: createFetch(sending),
    interceptor: createInterceptor(sending),
    ready: source.ready,
    subscribe: events.subscribe,
    close: () => source.close(),
  };
}
