import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { documentId, documentKey, type SignalboxDocument } from "../config/documents/document.ts";
import { loadFiles, problemsOfLoaded } from "../config/load.ts";
import { readConfig } from "../examples/model-server/config.ts";
import { projectFolder } from "../setup/paths.js";

const folder = join(projectFolder, "examples/quickstart");

test("the quickstart's documents are without problems, and nothing else in its folder is taken for one", async () => {
  const loaded = await loadFiles([folder]);
  expect(problemsOfLoaded(loaded)).toEqual([]);
  expect(loaded.documents.map(({ document }) => documentKey(documentId(document))).sort()).toEqual([
    "model.default.digits",
    "model.default.digits-grpc",
    "objective.default.quickstart",
    "objective.default.quickstart-grpc",
    "shard.default.digits-a",
    "shard.default.digits-a-grpc",
    "shard.default.digits-b",
    "shard.default.digits-b-grpc",
  ]);
});

test("the objective has a rule, a canary of one in ten, and a shadow", async () => {
  const objective = (await documents()).find((document) => documentKey(documentId(document)).endsWith(".quickstart"));
  if (objective?.kind !== "Objective") throw new Error("no objective");
  const [kiosks, canary] = objective.spec.rules;
  expect(kiosks).toMatchObject({ when: { device: { in: ["kiosk"] } }, serve: { version: "8" } });
  expect(canary?.split?.variants.map(({ weight, version }) => [version, weight])).toEqual([
    ["7", 90],
    ["8", 10],
  ]);
  expect(objective.spec.shadow).toMatchObject([{ version: "8" }]);
});

test("the first shard is where the model server listens by default", async () => {
  const ports = (await documents()).flatMap((document) =>
    document.kind === "Shard" ? (document.spec.endpoints ?? []).map(({ port }) => port) : [],
  );
  const { httpPort, grpcPort } = readConfig({});
  expect(ports).toEqual(expect.arrayContaining([httpPort, grpcPort]));
});

test("what models.yaml and the README beside it say of the accuracy is what was measured", () => {
  const text = readFileSync(join(folder, "models.yaml"), "utf8") + readFileSync(join(folder, "README.md"), "utf8");
  for (const version of ["7", "8"]) {
    const { heldOut } = JSON.parse(readFileSync(join(folder, `digits-${version}.weights.json`), "utf8"));
    expect(text.split(`${(heldOut.accuracy * 100).toFixed(1)} %`).length - 1, version).toBe(2);
  }
});

async function documents(): Promise<SignalboxDocument[]> {
  return (await loadFiles([folder])).documents.map(({ document }) => document);
}
