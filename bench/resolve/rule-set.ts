import { modelSchema } from "../../config/documents/model.ts";
import { objectiveSchema } from "../../config/documents/objective.ts";

/** The rules that every engine gets: rule `i` wants `country = c<i>` and `device = tv`, and splits its units in halves. */
export const ruleCount = 100;
export const countryOf = (rule: number) => `c${rule}`;
export const device = "tv";

const apiVersion = "signalbox.dev/v1";

export const ranker = modelSchema.parse({
  apiVersion,
  kind: "Model",
  metadata: { name: "ranker" },
  spec: {
    versions: ["7", "8"].map((version) => ({
      version,
      placement: [{ shard: "gpu-a" }],
      parameters: { threshold: 0.4 },
    })),
  },
});

/** An objective `default/<name>` with the first so many of the rules. */
export function objectiveOf(name: string, rules: number) {
  return objectiveWith({ name, countries: Array.from({ length: rules }, (_, index) => countryOf(index)) });
}

type Given = {
  readonly name: string;
  /** One for each rule. */
  readonly countries: readonly string[];
  readonly parameters?: Readonly<Record<string, number>>;
};

function objectiveWith({ name, countries, parameters = {} }: Given) {
  return objectiveSchema.parse({
    apiVersion,
    kind: "Objective",
    metadata: { name },
    spec: {
      default: { model: "ranker", version: "7", parameters },
      rules: countries.map((country, index) => ({
        name: `rule-${index}`,
        when: { country, device },
        split: {
          variants: [
            { name: "a", weight: 50, model: "ranker", version: "7" },
            { name: "b", weight: 50, model: "ranker", version: "8" },
          ],
        },
      })),
    },
  });
}

export type BenchContext = { readonly userId: string; readonly country: string; readonly device: string };

/** Contexts of 1,000 units that the rule at this position matches; null is none. */
export function contextsFor(rule: number | null): readonly BenchContext[] {
  const country = rule === null ? "elsewhere" : countryOf(rule);
  return Array.from({ length: 1000 }, (_, unit) => ({ userId: `user-${unit}-0f3c9a52`, country, device }));
}

/** The country of the requests for the objectives of {@link manyObjectives}. */
export const askedCountry = countryOf(49);
const countries = 200;

/**
 * 10,000 objectives `bench-<n>` of four rules each, with other countries in each objective. The asked one is that of the first,
 * second, third, fourth or no rule. `parameters` tell one edition of them from another.
 */
export function manyObjectives(parameters: Readonly<Record<string, number>> = {}) {
  return Array.from({ length: 10_000 }, (_, index) => objectiveAmongMany(index, parameters));
}

/** One of {@link manyObjectives}. */
export function objectiveAmongMany(index: number, parameters: Readonly<Record<string, number>> = {}) {
  const others = [0, 1, 2, 3].map((rule) => countryOf(ruleCount + ((7 * index + 53 * rule) % countries)));
  return objectiveWith({
    name: `bench-${index}`,
    countries: others.map((country, rule) => (rule === index % 5 ? askedCountry : country)),
    parameters,
  });
}
