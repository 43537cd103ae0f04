import { createHash } from "node:crypto";
import { z } from "zod";
import { createAttached } from "../attached.ts";
import {
  anyDocumentSchema,
  documentId,
  documentKey,
  kinds,
  qualifiedName,
  type SignalboxDocument,
} from "../documents/document.ts";
import { documentBytes } from "../format.ts";
import {
  type Live,
  type LiveDocuments,
  type LiveMaps,
  liveMapNames,
  liveMapsOf,
  makeLiveMaps,
  type PendingBatch,
  type Rejection,
} from "../live-documents.ts";
import { createPause } from "../pause.ts";
import { readFormTest } from "../read-form.ts";
import { emptyLiveDocuments, settleAll } from "../settle.ts";
import { sharedMap } from "../shared-map.ts";

/** What a consumer writes down to start from when NATS is away. */
export type SnapshotState = {
  readonly live: LiveDocuments;
  /** Which stream the revisions belong to: its creation time. */
  readonly streamCreatedAt: string;
};

const magic = "signalbox-snapshot 1 sha256:";

/** Bytes that cannot be used: torn, changed on disk, or written by another version. */
export class UnusableSnapshot extends Error {}

const encodeForMs = 1;
const linesPerPiece = 100;

/**
 * The bytes of a snapshot, in pieces: a line with the version and the SHA-256 of all that follows, then one JSON object a
 * line, so that a person can read it: first what it is of, then each live document, rejection and pending batch. Made
 * line by line between other work.
 */
export async function encodeSnapshot(state: SnapshotState): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  const sum = createHash("sha256");
  const pause = createPause(encodeForMs);
  let lines: string[] = [];
  const endPiece = () => {
    const piece = Buffer.from(lines.join(""));
    sum.update(piece);
    pieces.push(piece);
    lines = [];
  };
  for (const line of linesOf(state)) {
    lines.push(line, "\n");
    if (lines.length >= 2 * linesPerPiece) endPiece();
    await pause();
  }
  endPiece();
  return [Buffer.from(`${magic}${sum.digest("hex")}\n`), ...pieces];
}

function* linesOf({ live, streamCreatedAt }: SnapshotState): Generator<string> {
  yield JSON.stringify({ revision: live.revision, streamCreatedAt });
  for (const map of liveMapsOf(live)) for (const document of map.values()) yield documentLine(document);
  for (const rejection of live.rejections.values()) yield JSON.stringify({ rejection });
  for (const pending of live.pending) yield JSON.stringify({ pending });
}

/**
 * The state that {@link encodeSnapshot} wrote. Documents go through their schemas again: this version may be newer
 * than the one that wrote them. When some are no longer valid, the others come back with revision 0, so that everything
 * is read from the store again. Throws UnusableSnapshot when the bytes are not what was written.
 */
export function decodeSnapshot(bytes: Buffer): SnapshotState {
  const [about, ...lines] = verifiedLines(bytes);
  const { revision, streamCreatedAt } = aboutSchema.parse(JSON.parse(about ?? ""));
  const parsed = lines.map((line) => readLine(JSON.parse(line)));
  const documents = parsed.flatMap((line) => (line && "document" in line ? line : []));
  if (parsed.includes(undefined)) return { live: consistentPart(documents), streamCreatedAt };
  return {
    live: {
      revision,
      ...mapsOf(documents),
      rejections: new Map(
        parsed.flatMap((line) => (line && "rejection" in line ? [[line.rejection.key, line.rejection]] : [])),
      ),
      pending: parsed.flatMap((line) => (line && "pending" in line ? line.pending : [])),
    },
    streamCreatedAt,
  };
}

function verifiedLines(bytes: Buffer): string[] {
  const endOfFirstLine = bytes.indexOf("\n");
  const firstLine = bytes.subarray(0, Math.max(0, endOfFirstLine)).toString();
  if (!firstLine.startsWith(magic)) throw new UnusableSnapshot("it does not begin like a snapshot of this version");
  const body = bytes.subarray(endOfFirstLine + 1);
  if (digest(body) !== firstLine.slice(magic.length))
    throw new UnusableSnapshot("its checksum is wrong: torn or changed");
  return body.toString().trimEnd().split("\n");
}

function digest(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

const lineOf = createAttached<Live<SignalboxDocument>, string>();

/** Live entries never change, so that only what is new since the last snapshot is encoded. */
function documentLine(live: Live<SignalboxDocument>): string {
  let line = lineOf.get(live);
  if (line === undefined) {
    line = JSON.stringify({ revision: live.revision, document: live.document });
    lineOf.set(live, line);
  }
  return line;
}

const aboutSchema = z.object({ revision: z.int().min(0), streamCreatedAt: z.string() });
const problems = z.array(z.object({ document: z.string(), path: z.string(), message: z.string() }));
const rejection = z.object({
  key: z.string(),
  revision: z.int(),
  problems,
  at: z.string(),
  heldBy: z.string().optional(),
}) satisfies z.ZodType<Rejection>;
const pending = z.object({
  entries: z.array(
    z.object({
      key: z.string(),
      revision: z.int(),
      bytes: z.int(),
      document: anyDocumentSchema.nullable(),
      problems,
    }),
  ),
  waitsFor: z.array(z.string()),
}) satisfies z.ZodType<PendingBatch>;
const lineSchema = z.union([
  z.object({ revision: z.int(), document: anyDocumentSchema }),
  z.object({ rejection }),
  z.object({ pending }),
]);

const isReadLine = readFormTest(lineSchema);

function readLine(value: unknown): z.output<typeof lineSchema> | undefined {
  return isReadLine(value) ? value : lineSchema.safeParse(value).data;
}

type DocumentLine = { readonly revision: number; readonly document: SignalboxDocument };

function mapsOf(lines: readonly DocumentLine[]): LiveMaps {
  return makeLiveMaps((_field, kind) => {
    const own = lines.filter(({ document }) => document.kind === kind);
    return sharedMap(new Map(own.map(({ document, revision }) => [qualifiedName(document), { document, revision }])));
  });
}

/** What is left when documents had to be dropped: without those that named them. */
function consistentPart(lines: readonly DocumentLine[]): LiveDocuments {
  const ordered = [...lines].sort((a, b) => kinds.indexOf(a.document.kind) - kinds.indexOf(b.document.kind));
  const batches = ordered.map(({ document }, index) => [
    { key: documentKey(documentId(document)), revision: index + 1, value: documentBytes(document), at: "" },
  ]);
  const settled = settleAll(emptyLiveDocuments, batches, new Date(0));
  const kept = ordered.filter(({ document }) => isLive(settled, document));
  return { ...emptyLiveDocuments, ...mapsOf(kept) };
}

function isLive(live: LiveDocuments, document: SignalboxDocument): boolean {
  return live[liveMapNames[document.kind]].has(qualifiedName(document));
}
