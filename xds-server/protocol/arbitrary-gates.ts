import fc from "fast-check";
import type { Gate } from "./subscription.ts";

/** Nothing is held up. */
export const openGate: Gate = { pushLimit: Number.POSITIVE_INFINITY, canRemove: () => true };

/**
 * How other types of a stream may hold one up in a test: not at all, its removals, the latest change, everything; `sequence` is
 * that of the latest commit.
 */
export const gates = {
  open: () => openGate,
  holding: () => ({ pushLimit: Number.POSITIVE_INFINITY, canRemove: () => false }),
  behind: (sequence) => ({ pushLimit: sequence - 1, canRemove: (removedAt) => removedAt < sequence }),
  shut: () => ({ pushLimit: 0, canRemove: () => false }),
} as const satisfies Readonly<Record<string, (sequence: number) => Gate>>;

export type GateName = keyof typeof gates;

/** The name of one of the gates. */
export const arbitraryGate: fc.Arbitrary<GateName> = fc.constantFrom("open", "holding", "behind", "shut");
