import type { SignalboxDocument } from "../../config/documents/document.ts";
import type { LiveDocuments } from "../../config/live-documents.ts";
import { emptyLiveDocuments } from "../../config/settle.ts";
import { validateDocument } from "../../config/validate.ts";
import { documentsAfter } from "../documents-after.ts";

type Spec = Readonly<Record<string, unknown>>;

/** A valid document of the namespace default. */
export function planned(kind: string, name: string, spec: Spec): SignalboxDocument {
  const validation = validateDocument({ apiVersion: "signalbox.dev/v1", kind, metadata: { name }, spec });
  if (!validation.ok) throw new Error(JSON.stringify(validation.problems));
  return validation.document;
}

export function shard(name: string, port = 80): SignalboxDocument {
  return planned("Shard", name, { endpoints: [{ address: "10.0.0.1", port }] });
}

/** A model: version to the shards of its placement. */
export function ranker(versions: Readonly<Record<string, readonly string[]>>): SignalboxDocument {
  return planned("Model", "ranker", {
    versions: Object.entries(versions).map(([version, shards]) => ({
      version,
      placement: shards.map((each) => ({ shard: each })),
    })),
  });
}

/** The objective `ranking`, whose default is ranker@7. */
export function ranking(spec: Spec = {}, name = "ranking"): SignalboxDocument {
  return planned("Objective", name, { default: { model: "ranker", version: "7" }, ...spec });
}

/** A split between two versions of the model `ranker`. */
export function split(stable: number, canary: number) {
  return {
    variants: [
      { name: "stable", weight: stable, model: "ranker", version: "7" },
      { name: "canary", weight: canary, model: "ranker", version: "8" },
    ],
  };
}

/** Everything live that these documents are. */
export function liveOf(...documents: readonly SignalboxDocument[]): LiveDocuments {
  const live = documentsAfter(emptyLiveDocuments, { documents, deleted: [] });
  if (live.rejections.size > 0) throw new Error(JSON.stringify([...live.rejections.values()]));
  return live;
}
