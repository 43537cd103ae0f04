import type { Answer } from "./answer.ts";
import type { Question } from "./question.ts";

/** Who answers: this process, or resolvers. */
export interface Source {
  /** Throws SignalboxClientError; rejects with the signal's reason when it aborts. */
  resolve(question: Question, signal?: AbortSignal): Answer | Promise<Answer>;
  /** The last-good default of an objective, by its routing key; undefined when it is not known. */
  defaultFor(objective: string): Answer | undefined;
  /** Resolves when it can answer. Never rejects; with nobody to ask, it waits for ever. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}
