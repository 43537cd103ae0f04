import { modelSchema } from "../config/documents/model.ts";
import { objectiveSchema } from "../config/documents/objective.ts";
import type { LiveDocuments } from "../config/live-documents.ts";
import { emptyLiveDocuments } from "../config/settle.ts";
import type { Decision } from "../selection/decision.ts";

/** Documents and decisions for the unit tests of this folder. */

const apiVersion = "signalbox.dev/v1";

const ranker = modelSchema.parse({
  apiVersion,
  kind: "Model",
  metadata: { name: "ranker" },
  spec: {
    versions: [
      { version: "7", placement: [{ shard: "gpu-a" }], parameters: { threshold: 0.4 } },
      { version: "8", placement: [{ shard: "gpu-a" }] },
    ],
  },
});

const ranking = objectiveSchema.parse({
  apiVersion,
  kind: "Objective",
  metadata: { name: "ranking" },
  spec: {
    default: { model: "ranker", version: "7" },
    rules: [
      { name: "kiosks", when: { device: "kiosk" }, serve: { model: "ranker", version: "8" } },
      {
        name: "canary",
        split: {
          variants: [
            { name: "stable", weight: 0, model: "ranker", version: "7" },
            { name: "canary", weight: 1, model: "ranker", version: "8" },
          ],
        },
      },
    ],
  },
});

/** Objective `default/ranking` at revision 5: kiosks and every unit get version 8, without a unit the default is 7. */
export const liveDocuments: LiveDocuments = {
  ...emptyLiveDocuments,
  revision: 5,
  models: new Map([["default/ranker", { document: ranker, revision: 4 }]]),
  objectives: new Map([["default/ranking", { document: ranking, revision: 5 }]]),
};

export const decision: Decision = {
  objective: "default/ranking",
  rule: "canary",
  variant: "stable",
  model: "ranker",
  version: "7",
  parameters: { threshold: 0.4 },
  routingKey: "default/ranking/ranker@7",
  revision: 42,
  shadows: [],
  ttlMs: 10_000,
  fallbackKeys: [],
  reason: "rule",
};
