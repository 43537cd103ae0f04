import { keyTitle } from "../../config/check.ts";
import { documentId, documentKey } from "../../config/documents/document.ts";
import type { LiveDocuments, StoredEntry } from "../../config/live-documents.ts";
import { documentsAfter, type ProposedChange } from "../../planning/documents-after.ts";
import { type Plan, type Planning, startPlan } from "../../planning/plan.ts";
import type { ProcessStatus } from "../../rollout/process-status.ts";
import type { Arguments, Command } from "../command.ts";
import { contextFileOption, readContexts } from "../context-file.ts";
import { diffOf } from "../document-diff.ts";
import { titleOf } from "../document-kinds.ts";
import { exitCode } from "../exit-codes.ts";
import { loadValid } from "../loading.ts";
import { formatPlan, type ShownPlan } from "../output/plan.ts";
import { outputOption, render } from "../output/render.ts";
import { nowOption, parseNow } from "../parse-time.ts";
import { parseUnits, unitsOption } from "../parse-units.ts";
import { changeOptions, proposedChange } from "../proposed-change.ts";
import { readProcesses } from "../read-processes.ts";
import { deletionsOf, seatBeltRefusal, yesDeleteOption } from "../seat-belt.ts";
import { liveDocuments, withStore } from "../store-access.ts";

/** `signalbox plan`: what `apply` of the same files would do to keys, shards, Envoys and units. */
export const plan: Command = {
  usage: "plan",
  summary: "Show what applying documents would do: keys, shards, Envoys, units that change version; changes nothing",
  options: {
    ...changeOptions,
    ...unitsOption("10000"),
    ...nowOption,
    ...contextFileOption,
    ...yesDeleteOption,
    ...outputOption,
    "exit-code": { describe: "End with 1 when anything would change", type: "boolean" },
  },
  examples: [
    ["signalbox plan -f examples/quickstart", "what would this change, and for how many users?"],
    ["signalbox plan -f models --context-file yesterday.jsonl", "counted on the contexts of real requests"],
    ["signalbox plan -f all --prune -o json", "what is not in the folder is deleted; for a pipeline"],
  ],
  run: async (args, context) => {
    const options = { units: parseUnits(args.units), nowMs: parseNow(args.now) };
    const loaded = await loadValid(args, context);
    const shown = await withStore(context, async (store): Promise<ShownPlan> => {
      const [live, stored, processes] = await Promise.all([liveDocuments(store), store.list(), readProcesses(context)]);
      const change = proposedChange(args, loaded, live);
      const after = documentsAfter(live, change);
      const planned = await countContexts(startPlan(live, after, options), args);
      const deletions = deletionsOf(live, change.deleted, context);
      const touched = [
        ...planned.objectives.map(({ objective }) => objective),
        ...planned.shards.map(({ shard }) => shard),
      ];
      const namespaces = new Set(touched.flatMap((name) => name.split("/").slice(0, 1)));
      return {
        ...planned,
        documents: documentChanges(change, stored),
        envoys: processes.known ? (touched.length > 0 ? envoysOf(processes.processes, namespaces) : []) : null,
        held: heldBy(live, after),
        deletions: deletions.shares,
        refusedBySeatBelt: seatBeltRefusal(deletions, args),
      };
    });
    render(args, context, shown, () => formatPlan(shown, context.colours));
    if (shown.refusedBySeatBelt !== null) {
      context.warn(`${shown.refusedBySeatBelt}\n\`apply\` would refuse this.`);
      return exitCode.failed;
    }
    const isChange = shown.documents.some(({ change }) => change !== "unchanged");
    return args["exit-code"] && isChange ? exitCode.failed : exitCode.ok;
  },
};

async function countContexts(planning: Planning, args: Arguments): Promise<Plan> {
  if (args["context-file"] !== undefined) {
    for await (const { context, objective } of readContexts(args)) planning.add(context, objective);
  }
  return planning.finish();
}

/** What would only wait for a pin. */
function heldBy(live: LiveDocuments, { rejections }: LiveDocuments): ShownPlan["held"] {
  const fresh = [...rejections.values()].filter(({ key, revision }) => live.rejections.get(key)?.revision !== revision);
  return fresh.map(({ key, problems }) => ({ document: keyTitle(key), why: problems[0]?.message ?? "is held" }));
}

function documentChanges({ documents, deleted }: ProposedChange, stored: readonly StoredEntry[]) {
  const byKey = new Map(stored.map((entry) => [entry.key, entry]));
  return [
    ...documents.map((document) => {
      const { document: title, change, fields } = diffOf(byKey.get(documentKey(documentId(document))), document);
      return { document: title, change, fields: fields.map(({ path }) => path) };
    }),
    ...deleted.map((id) => ({ document: titleOf(id), change: "deleted" as const, fields: [] })),
  ];
}

/** The Envoys that are served one of these namespaces, as far as the name of their node group tells. */
function envoysOf(processes: readonly ProcessStatus[], namespaces: ReadonlySet<string>): ShownPlan["envoys"] {
  const isServed = (group = "") => {
    const [, own] = / namespaces=(\S+)/.exec(group) ?? [];
    return own === undefined || own.split(",").some((namespace) => namespaces.has(namespace));
  };
  return processes.flatMap(({ id, envoys = [] }) =>
    envoys
      .filter(({ group }) => isServed(group))
      .map(({ nodeId, cluster, group, acknowledgedRevision }) => {
        return { envoy: nodeId, cluster, group: group ?? null, xdsServer: id, acknowledgedRevision };
      }),
  );
}
