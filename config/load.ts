import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { text } from "node:stream/consumers";
import { checkDocuments } from "./check.ts";
import { limits } from "./limits.ts";
import type { LiveDocuments } from "./live-documents.ts";
import { loadModule } from "./load-module.ts";
import { failedFile, joinLoaded, type Loaded, loadText, looksLikeDocument } from "./load-text.ts";
import { parseText } from "./parse-text.ts";
import type { Problem } from "./problem.ts";

export type { Loaded, LoadedDocument } from "./load-text.ts";

export type LoadOptions = {
  /** Reads what `-` stands for; the process's standard input by default. */
  readonly readStandardInput?: () => Promise<string>;
};

const textFormats: Readonly<Record<string, "yaml" | "json">> = { ".yaml": "yaml", ".yml": "yaml", ".json": "json" };
const moduleExtensions: ReadonlySet<string> = new Set([".ts", ".mts", ".js", ".mjs"]);
/** Without one of these words there is no document in a text, so that other JSON need not be parsed with its lines. */
const documentWords = /\b(apiVersion|kind)\b/;
const documentModule = /\.signalbox\.m?[jt]s$/;

/**
 * Loads the documents of files, folders and `-` (standard input), in the order given. YAML, JSON, and TypeScript or
 * JavaScript modules. Of a folder, with its sub-folders and in order of names: `.yaml`, `.yml`, `.json` and
 * `*.signalbox.ts` (or .mts, .js, .mjs; other modules are not run); files in which nothing looks like a document
 * are skipped and listed. A file that cannot be read, or is above 64 MiB, is a problem like any other: never throws.
 */
export async function loadFiles(paths: readonly string[], options: LoadOptions = {}): Promise<Loaded> {
  const loaded: Loaded[] = [];
  for (const path of paths) loaded.push(await loadPath(path, options));
  return joinLoaded(loaded);
}

/**
 * Everything that is wrong with what was loaded: in each document, between them, and with what is live already.
 * `deleted` are the keys of documents that are deleted together with it.
 */
export function problemsOfLoaded(loaded: Loaded, live?: LiveDocuments, deleted: readonly string[] = []): Problem[] {
  const { documents, problems, invalid } = loaded;
  return [...problems, ...checkDocuments(documents, { invalid, deleted, ...(live ? { live } : {}) })];
}

async function loadPath(path: string, options: LoadOptions): Promise<Loaded> {
  if (path === "-") return loadStandardInput(options.readStandardInput ?? (() => text(process.stdin)));
  try {
    return (await stat(path)).isDirectory() ? await loadFolder(path) : await loadFile(path);
  } catch (error) {
    return failedFile(path, unreadableMessage(error));
  }
}

async function loadStandardInput(read: () => Promise<string>): Promise<Loaded> {
  const input = await read();
  const bytes = Buffer.byteLength(input);
  return bytes > limits.fileBytes ? failedFile("stdin", tooLarge(bytes)) : loadText(input, "stdin");
}

async function loadFolder(folder: string): Promise<Loaded> {
  const files = await filesOf(folder);
  const loaded: Loaded[] = [];
  for (const file of files)
    loaded.push(await loadFileOfFolder(file).catch((error) => failedFile(file, unreadableMessage(error))));
  const joined = joinLoaded(loaded);
  const isEmpty = joined.documents.length === 0 && joined.problems.length === 0;
  return isEmpty
    ? { ...joined, ...failedFile(folder, "has no file with a document in it"), skipped: joined.skipped }
    : joined;
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const sorted = entries.sort((a, b) => (a.name < b.name ? -1 : 1)).filter(({ name }) => !name.startsWith("."));
  const files: string[] = [];
  for (const entry of sorted) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(entry.name === "node_modules" ? [] : await filesOf(path)));
    else if (extname(path) in textFormats || documentModule.test(path)) files.push(path);
  }
  return files;
}

async function loadFileOfFolder(file: string): Promise<Loaded> {
  const format = textFormats[extname(file)];
  if (!format) return loadFile(file);
  const content = await readText(file);
  if (typeof content !== "string") return content;
  const values = documentWords.test(content) ? parseText(content, format) : [];
  const holdsDocument = values.some(({ value, faults }) => faults.length > 0 || looksLikeDocument(value));
  return holdsDocument ? loadText(content, file, format) : { ...failedFile(file), skipped: [file] };
}

async function loadFile(file: string): Promise<Loaded> {
  const extension = extname(file);
  if (moduleExtensions.has(extension)) return loadModule(file, String((await stat(file)).mtimeMs));
  const content = await readText(file);
  return typeof content === "string" ? loadText(content, file, textFormats[extension]) : content;
}

async function readText(file: string): Promise<string | Loaded> {
  const { size } = await stat(file);
  if (size > limits.fileBytes) return failedFile(file, tooLarge(size));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (error) {
    if (error instanceof TypeError) return failedFile(file, "is not UTF-8 text; save it as UTF-8");
    throw error;
  }
}

function tooLarge(bytes: number): string {
  return `is ${bytes} bytes; at most ${limits.fileBytes} (limit fileBytes): split it`;
}

function unreadableMessage(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "there is no such file or folder";
  if (code === "EACCES") return "cannot be read: permission denied";
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
