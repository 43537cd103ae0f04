import { judgedClusters } from "./judged-clusters.ts";
import { judgedListeners } from "./judged-listeners.ts";
import type { JudgedResource } from "./resource-json.ts";

/** What is judged: valid resources with the features that Signalbox uses and their neighbours, as JSON of the proto. */
export const judgedResources: readonly JudgedResource[] = [...judgedClusters, ...judgedListeners];
