import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { failedFile, joinLoaded, type Loaded, loadValue, looksLikeDocument } from "./load-text.ts";
import type { Problem } from "./problem.ts";

/**
 * Runs a TypeScript or JavaScript module and reads the documents that it exports: its default export and its named
 * ones, each a document or a list of them, made with `defineObjective` and its siblings or written out. Other exports
 * are left alone. `version` tells a changed file from the one that was run before.
 */
export async function loadModule(file: string, version: string): Promise<Loaded> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(`${pathToFileURL(resolve(file)).href}?version=${version}`)) as Record<string, unknown>;
  } catch (error) {
    return failedModule(file, error);
  }
  const values = [...new Set(Object.values(exported).flat())].filter(looksLikeDocument);
  if (values.length === 0)
    return failedFile(file, "exports no document; export what defineObjective, defineModel or defineShard returns");
  return joinLoaded(values.map((value, index) => loadValue({ position: index + 1, value }, file)));
}

function failedModule(file: string, error: unknown): Loaded {
  const problems = problemsOf(error);
  if (problems) return { ...failedFile(file), problems: problems.map((problem) => ({ ...problem, file })) };
  const [reason] = (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).split("\n");
  return failedFile(file, `cannot be run: ${reason}`);
}

// By name: the module may have its own copy of the class, when it is from another installation of the package.
function problemsOf(error: unknown): readonly Problem[] | null {
  if (!(error instanceof Error) || error.name !== "InvalidDocumentError" || !("problems" in error)) return null;
  return Array.isArray(error.problems) ? (error.problems as Problem[]) : null;
}
