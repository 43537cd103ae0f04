import type { Decision } from "../decision.ts";
import type { Arm } from "../rendezvous.ts";
import { luaNumber, luaString } from "./literal.ts";

export type Arms = readonly Arm[];

/** Where outcomes have their place in a program, from 1. */
export type Places = { indexOf(outcome: Decision): number };

/** A split as a Lua expression that is worth a constant; null when every weight is 0. `outcomes` are the decisions of the arms. */
export function emitSplit(salt: string, arms: Arms, outcomes: readonly Decision[], places: Places): string | null {
  const emitted = arms.flatMap(({ name, weight }, index) =>
    weight > 0 ? [`arm(${luaNumber(weight)},${places.indexOf(outcomes[index] as Decision)},${luaString(name)})`] : [],
  );
  return emitted.length === 0 ? null : `split(${luaString(`${salt}:`)},{${emitted.join(",")}})`;
}
