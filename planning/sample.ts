import type { CompiledObjective } from "../selection/compile.ts";
import type { AttributeValue, Context } from "../selection/context.ts";

type Attributes = { readonly [attribute: string]: AttributeValue | undefined };

/**
 * `count` contexts with the same attributes and made-up units `unit-0`, `unit-1` ... under the attributes named. The same
 * call gives the same contexts, so that two runs can be compared.
 */
export function* madeUpContexts(
  units: readonly string[],
  count: number,
  attributesOf: (index: number) => Attributes = () => ({}),
): Generator<Context> {
  for (let index = 0; index < count; index++) {
    // Without a prototype: `__proto__` is an attribute like any other.
    const context: { [attribute: string]: AttributeValue | undefined } = Object.assign(
      Object.create(null),
      attributesOf(index),
    );
    for (const unit of units) context[unit] = `unit-${index}`;
    yield context;
  }
}

/** The attributes that an objective and its experiments bucket, before and after a change, each once. */
export function unitAttributes(...compiled: readonly (CompiledObjective | undefined)[]): string[] {
  const units = compiled.flatMap((each) => (each ? [each, ...each.experiments].map(({ unit }) => unit) : []));
  return [...new Set(units)];
}
