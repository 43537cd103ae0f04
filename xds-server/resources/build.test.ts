import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { documentId, documentKey } from "../../config/documents/document.ts";
import type { Live } from "../../config/live-documents.ts";
import { loadText } from "../../config/load-text.ts";
import { emptyLiveDocuments, settle } from "../../config/settle.ts";
import { registry } from "../../proto/registry.ts";
import { routeDocuments } from "../routing/route-documents.ts";
import { createValidator } from "../validation/validator.ts";
import { commonResources, objectiveResources, shardResources } from "./build.ts";
import type { Resource } from "./resource.ts";

// Each folder of golden/ is a case: in.yaml are documents, out.yaml the Envoy resources they become. After a wanted
// change, UPDATE_GOLDEN=1 npx vitest run xds-server/resources rewrites the outputs; read the difference.
const folder = fileURLToPath(new URL("../golden/", import.meta.url));
const isUpdate = process.env.UPDATE_GOLDEN === "1";
const cases = readdirSync(folder)
  .filter((name) => existsSync(`${folder}${name}/in.yaml`))
  .sort();
const validate = createValidator(registry);

/** The documents as if they had been published one after the other, from revision 1. */
function liveDocuments(yaml: string) {
  const loaded = loadText(yaml, "in.yaml");
  expect(loaded.problems).toEqual([]);
  const entries = loaded.documents.map(({ document }, index) => ({
    key: documentKey(documentId(document)),
    revision: index + 1,
    value: Buffer.from(JSON.stringify(document)),
    at: "2026-01-01T00:00:00.000Z",
  }));
  const live = settle(emptyLiveDocuments, entries, new Date(0));
  expect([...live.rejections.values()]).toEqual([]);
  return live;
}

/** In the order of the documents. */
function resourcesOf(yaml: string): Resource[] {
  const live = liveDocuments(yaml);
  const table = routeDocuments(live);
  const inOrder = <T extends { readonly name: string }>(
    of: ReadonlyMap<string, T>,
    from: ReadonlyMap<string, Live<unknown>>,
  ) => [...of.values()].sort((a, b) => (from.get(a.name)?.revision ?? 0) - (from.get(b.name)?.revision ?? 0));
  return [
    ...inOrder(table.shards, live.shards).flatMap(shardResources),
    ...inOrder(table.objectives, live.objectives).flatMap(objectiveResources),
  ];
}

function toYaml(resources: readonly Resource[]): string {
  const byType = Map.groupBy(resources, ({ typeUrl }) => typeUrl.slice(typeUrl.lastIndexOf(".") + 1));
  const plain = [...byType].map(([type, some]) => [
    type,
    Object.fromEntries(some.map(({ name, message }) => [name, plainOf(message)])),
  ]);
  return stringify(Object.fromEntries(plain), { lineWidth: 0, aliasDuplicateObjects: false });
}

function plainOf(message: Resource["message"]) {
  const schema = registry.getMessage(message.$typeName);
  if (!schema) throw new Error(`no schema of ${message.$typeName}`);
  return toJson(schema, message, { registry, useProtoFieldName: true });
}

function expectGolden(file: string, actual: string): void {
  if (isUpdate) writeFileSync(file, actual);
  expect(actual).toBe(readFileSync(file, "utf8"));
}

describe("documents become Envoy resources", () => {
  test.each(cases)("%s", (name) => {
    const resources = resourcesOf(readFileSync(`${folder}${name}/in.yaml`, "utf8"));
    expectGolden(`${folder}${name}/out.yaml`, toYaml(resources));
  });

  test.each(cases)("%s: every resource keeps the rules of its proto", (name) => {
    for (const { message } of resourcesOf(readFileSync(`${folder}${name}/in.yaml`, "utf8"))) {
      expect(validate(message)).toEqual([]);
    }
  });

  test("every Envoy gets the listeners, the ways of the shadows and to the resolvers, and the runtime layer", () => {
    const oneCall = { port: 10_001, resolvers: [{ host: "127.0.0.1", port: 7070 }] };
    const resources = commonResources({ address: "127.0.0.1", port: 10_000, accessLog: "stdout", oneCall });
    expect(resources.flatMap(({ message }) => validate(message))).toEqual([]);
    expectGolden(`${folder}common/out.yaml`, toYaml(resources));
  });

  test("equal documents become equal bytes", () => {
    for (const name of cases) {
      const yaml = readFileSync(`${folder}${name}/in.yaml`, "utf8");
      const [first, second] = [resourcesOf(yaml), resourcesOf(yaml)].map((resources) =>
        resources.map((each) => each.encode().bytes),
      );
      expect(first).toEqual(second);
    }
  });
});
