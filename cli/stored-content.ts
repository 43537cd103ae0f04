import type { SignalboxDocument } from "../config/documents/document.ts";
import type { StoredEntry } from "../config/live-documents.ts";
import { printable } from "./output/printable.ts";

/** What `get` prints of one document. */
export type Content = {
  readonly key: string;
  readonly revision: number;
  /** When it was published; absent when the store was not asked for that. */
  readonly at?: string;
  /** The document with the revision that an edit of it starts from; of what is no JSON object, the beginning. */
  readonly data: Readonly<Record<string, unknown>>;
};

const shownCharacters = 200;

/** A document in force. */
export function documentContent(document: SignalboxDocument, key: string, revision: number, at?: string): Content {
  return { key, revision, at, data: { ...document, metadata: { ...document.metadata, revision } } };
}

/** Stored bytes, which may be anything: anybody may publish to NATS, and what cannot be read is shown as it is. */
export function bytesContent({ key, revision, value, at }: StoredEntry): Content {
  const text = Buffer.from(value ?? []).toString("utf8");
  const parsed = parseObject(text);
  if (!parsed)
    return { key, revision, at, data: { key, revision, unreadable: printable(text.slice(0, shownCharacters)) } };
  const metadata = isObject(parsed.metadata) ? parsed.metadata : {};
  return { key, revision, at, data: { ...parsed, metadata: { ...metadata, revision } } };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
