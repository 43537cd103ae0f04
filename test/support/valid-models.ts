/** Which models may answer an objective, and when: what the answers of a load are held to. */
export type ValidModels = {
  /** From now on these (`<model>@<version>`) may answer an objective; those of before too, until it is live everywhere. */
  note(objective: string, models: readonly string[]): void;
  /** What was noted last is live everywhere: only that may decide from now on. */
  settled(): void;
  /** Whether the model might answer at some time since then (`performance.now()`). */
  wasValid(objective: string, model: string, sinceMs: number): boolean;
};

type Form = { readonly models: ReadonlySet<string>; endedAtMs: number };

/** A process reports what it uses a moment before its last thread uses it, and the machine may be busy. */
const slackMs = 250;
const keptMs = 60_000;

export function createValidModels(): ValidModels {
  const objectives = new Map<string, Form[]>();
  return {
    note: (objective, models) => {
      const forms = objectives.get(objective) ?? [];
      objectives.set(objective, [...forms, { models: new Set(models), endedAtMs: Number.POSITIVE_INFINITY }]);
    },
    settled: () => {
      const now = performance.now();
      for (const [objective, forms] of objectives) {
        for (const form of forms.slice(0, -1)) form.endedAtMs = Math.min(form.endedAtMs, now + slackMs);
        const kept = forms.filter(({ endedAtMs }) => endedAtMs > now - keptMs);
        objectives.set(objective, kept);
      }
    },
    wasValid: (objective, model, sinceMs) =>
      (objectives.get(objective) ?? []).some(({ models, endedAtMs }) => endedAtMs >= sinceMs && models.has(model)),
  };
}
