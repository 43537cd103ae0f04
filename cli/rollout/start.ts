import { type DocumentId, documentId, documentKey, type SignalboxDocument } from "../../config/documents/document.ts";
import { documentBytes } from "../../config/format.ts";
import type { StoredEntry } from "../../config/live-documents.ts";
import type { DocumentStore } from "../../config/store/document-store.ts";
import { documentsAfter } from "../../planning/documents-after.ts";
import { firstStage, type StagedRolloutSettings, touchedObjectives } from "../../planning/staged-rollout.ts";
import type { Arguments, CommandContext } from "../command.ts";
import { CommandError, exitCode } from "../exit-codes.ts";
import { loadValid } from "../loading.ts";
import { parseDuration } from "../parse-duration.ts";
import { proposedChange } from "../proposed-change.ts";
import { readProcesses } from "../read-processes.ts";
import { liveDocuments } from "../store-access.ts";
import { everybody } from "./drive.ts";
import { findRollout, listRollouts, requireRollout, type StoredRollout } from "./stored-rollout.ts";

/** Publishes a change together with the pin that keeps it from all groups but the first. */
export async function startRollout(
  store: DocumentStore,
  args: Arguments,
  context: CommandContext,
): Promise<StoredRollout> {
  const stages = stagesOf(args);
  const pauseMs = args.pause === undefined ? null : parseDuration("pause", String(args.pause));
  const loaded = await loadValid(args, context);
  const before = await liveDocuments(store);
  const { documents } = proposedChange({}, loaded, before);
  const namespace = namespaceOfAll(documents);
  const after = documentsAfter(before, { documents, deleted: [] });
  const stored = new Map((await store.list({ namespace })).map((entry) => [entry.key, entry]));
  const changed = documents.filter((document) => isChanged(document, stored));
  const touched = touchedObjectives(before, after, namespace);
  requireSomethingToStage(changed, touched);
  const name = String(args.name ?? changed[0]?.metadata.name);
  const id: DocumentId = { kind: "Pin", namespace, name };
  await requireFree(store, id, stored);
  await requireNoOther(store, namespace, touched);
  await requireGroups(stages, context);
  const revisions = Object.fromEntries(
    changed.map((document) => {
      const key = documentKey(documentId(document));
      return [key, stored.get(key)?.revision ?? 0];
    }),
  );
  const settings: StagedRolloutSettings = { id: { namespace, name }, stages, pauseMs, before, after, revisions };
  // The pin comes first: the documents of its batch are those right behind it.
  await store.apply(
    [
      { document: firstStage(settings) },
      ...changed.map((document) => ({
        document,
        expectedRevision: document.metadata.revision ?? revisions[documentKey(documentId(document))] ?? 0,
      })),
    ],
    { signal: context.signal },
  );
  return await requireRollout(store, id);
}

function stagesOf(args: Arguments): string[] {
  const wrong = (why: string) =>
    new CommandError(
      `--stages ${args.stages ?? ""}: ${why}; give groups of resolvers and Envoys, and then ${everybody}, such as canary,region-a,${everybody}.`,
      exitCode.usage,
    );
  const stages = String(args.stages ?? "")
    .split(",")
    .map((stage) => stage.trim())
    .filter(Boolean);
  if (stages.pop() !== everybody) throw wrong(`the last stage must be ${everybody}`);
  if (stages.length === 0) throw wrong("there is no group");
  if (stages.includes(everybody)) throw wrong(`${everybody} can only come last`);
  if (new Set(stages).size < stages.length) throw wrong("a group is there twice");
  const bad = stages.find((stage) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(stage));
  if (bad !== undefined) throw wrong(`"${bad}" is no name of a group`);
  return stages;
}

/** A pin ends at its namespace, and so does a rollout. */
function namespaceOfAll(documents: readonly SignalboxDocument[]): string {
  const namespaces = [...new Set(documents.map(({ metadata }) => metadata.namespace))];
  const [namespace] = namespaces;
  if (namespaces.length === 1 && namespace !== undefined) return namespace;
  throw new CommandError(
    `The documents are of ${namespaces.length} namespaces (${namespaces.join(", ")}); roll out one at a time. Nothing was changed.`,
  );
}

function isChanged(document: SignalboxDocument, stored: ReadonlyMap<string, StoredEntry>): boolean {
  const value = stored.get(documentKey(documentId(document)))?.value;
  return !value || Buffer.compare(documentBytes(document), value) !== 0;
}

function requireSomethingToStage(changed: readonly SignalboxDocument[], objectives: readonly string[]): void {
  if (changed.length === 0) throw new CommandError("Nothing would change: there is nothing to roll out.");
  if (objectives.length === 0)
    throw new CommandError(
      "The change touches no objective, so that no group can get it before another: use `signalbox apply`. Nothing was changed.",
    );
}

async function requireFree(
  store: DocumentStore,
  id: DocumentId,
  stored: ReadonlyMap<string, StoredEntry>,
): Promise<void> {
  const again = `signalbox rollout resume|abort ${id.name} -n ${id.namespace}`;
  if (await findRollout(store, id))
    throw new CommandError(`Rollout ${id.namespace}/${id.name} is under way: \`${again}\`. Nothing was changed.`);
  if (stored.has(documentKey(id)))
    throw new CommandError(
      `There is a pin ${id.namespace}/${id.name}: name the rollout otherwise. Nothing was changed.`,
    );
}

/** Each of two rollouts of an objective would hold the other's next groups. */
async function requireNoOther(store: DocumentStore, namespace: string, touched: readonly string[]): Promise<void> {
  for (const { id, pin } of await listRollouts(store, namespace)) {
    const both = touched.filter((name) => pin.spec.objectives?.includes(name) ?? true);
    if (both.length === 0) continue;
    const again = `signalbox rollout resume|abort ${id.name} -n ${namespace}`;
    throw new CommandError(
      `Rollout ${namespace}/${id.name} is under way with ${both.map((name) => `Objective ${namespace}/${name}`).join(", ")}: \`${again}\` first. Nothing was changed.`,
    );
  }
}

/** A misspelt group would count as done at once. */
async function requireGroups(stages: readonly string[], context: CommandContext): Promise<void> {
  const known = await readProcesses(context);
  if (!known.known) throw new CommandError(`The groups are not known: ${known.why}.`, exitCode.unreachable);
  const groups = new Set(
    known.processes.flatMap(({ process, group, envoys = [] }) => [
      ...(process === "resolver" ? [group] : []),
      ...envoys.map(({ rolloutGroup }) => rolloutGroup),
    ]),
  );
  groups.delete(undefined);
  const missing = stages.filter((stage) => !groups.has(stage));
  if (missing.length === 0) return;
  throw new CommandError(
    `No resolver (RESOLVER_GROUP) and no Envoy (ENVOY_GROUP) of group ${missing.join(", ")} is alive; alive are: ${[...groups].sort().join(", ") || "none with a group"}. Nothing was changed.`,
  );
}
