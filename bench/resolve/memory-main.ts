import { modelSchema } from "../../config/documents/model.ts";
import { documentBytes } from "../../config/format.ts";
import { emptyLiveDocuments, settleAll } from "../../config/settle.ts";
import { compileSelection } from "../../selection/selector.ts";
import { testShard } from "../../test/support/store-documents.ts";
import { manyObjectives, ranker } from "./rule-set.ts";

// Run with --expose-gc: prints how many MiB of heap 10,000 objectives take, documents and compiled rules together.
const collect = () => (globalThis as unknown as { gc(): void }).gc();
const used = () => {
  // A first collection leaves up to 20 MiB, at times before the documents are there, at times after.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const documents = [testShard("gpu-a"), modelSchema.parse(ranker), ...manyObjectives()];
const entries = documents.map((document, index) => {
  const { namespace, name } = document.metadata;
  const key = `${document.kind.toLowerCase()}.${namespace}.${name}`;
  return { key, revision: index + 1, value: documentBytes(document), at: "" };
});
documents.length = 0;
const before = used();
const live = settleAll(emptyLiveDocuments, [entries], new Date());
const selection = compileSelection(live);
const after = used();
if (selection.objectives.size < 10_000) throw new Error(`only ${selection.objectives.size} objectives were compiled`);
console.log(((after - before) / 1024 / 1024).toFixed(1));
