import { z } from "zod";
import type { CommandContext } from "./command.ts";
import { envoyAdminUrls } from "./environment.ts";
import { send } from "./http.ts";

/** A value that somebody set on Envoy's admin page, which wins over what is published until it is removed. */
export type RuntimeOverride = { readonly envoy: string; readonly key: string; readonly value: string };

/** What could be asked, and the admin pages that did not answer. */
export type RuntimeOverrides = {
  readonly overrides: readonly RuntimeOverride[];
  readonly unreachable: readonly string[];
};

/** The answer of `GET /runtime`: each entry's value per layer; the admin layer is the last. */
const runtimeSchema = z.object({
  layers: z.array(z.string()),
  entries: z.record(z.string(), z.object({ final_value: z.string(), layer_values: z.array(z.string()) })),
});

/** Asks every Envoy admin page for the keys of Signalbox that are overridden there. */
export async function readRuntimeOverrides(context: CommandContext): Promise<RuntimeOverrides> {
  const answers = await Promise.all(
    envoyAdminUrls(context).map(async (envoy) => {
      try {
        const response = await send(context, { name: "Envoy", variable: "ENVOY_ADMIN_URLS" }, `${envoy}/runtime`);
        return { envoy, runtime: runtimeSchema.parse(await response.json()) };
      } catch {
        context.signal.throwIfAborted();
        return { envoy, runtime: null };
      }
    }),
  );
  return {
    overrides: answers.flatMap(({ envoy, runtime }) =>
      runtime ? overridesIn(runtime).map(({ key, value }) => ({ envoy, key, value })) : [],
    ),
    unreachable: answers.filter(({ runtime }) => !runtime).map(({ envoy }) => envoy),
  };
}

function overridesIn(runtime: z.output<typeof runtimeSchema>): { key: string; value: string }[] {
  const admin = runtime.layers.length - 1;
  return Object.entries(runtime.entries)
    .filter(([key, { layer_values }]) => key.startsWith("signalbox.") && layer_values[admin])
    .map(([key, { layer_values }]) => ({ key, value: layer_values[admin] ?? "" }));
}
