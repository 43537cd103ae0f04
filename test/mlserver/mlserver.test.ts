import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SignalboxDocument } from "../../config/documents/document.ts";
import { loadFiles, problemsOfLoaded } from "../../config/load.ts";
import { connectStore, type DocumentStore } from "../../config/store/document-store.ts";
import { openInference } from "../../examples/model-server/grpc-server.ts";
import { projectFolder } from "../../setup/paths.js";
import { eventually } from "../support/processes.ts";
import { type System, startSystem } from "../support/system.ts";
import { callUnary } from "../support/unary-call.ts";
import { type MlServer, startMlServer } from "./mlservers.ts";

const quickstart = join(projectFolder, "examples/quickstart");
const requestBody = readFileSync(join(quickstart, "request.json"));
const heldOut = JSON.parse(readFileSync(join(quickstart, "held-out.json"), "utf8")) as {
  pixelCharacters: string;
  digits: { label: number; pixels: string }[];
};

let system: System;
let store: DocumentStore;
let version7: MlServer;
let version8: MlServer;

beforeAll(async () => {
  system = await startSystem();
  [version7, version8] = await Promise.all([startMlServer("a", "7"), startMlServer("b", "8")]);
  store = await connectStore({ servers: system.natsUrl });
  await store.apply((await exampleDocuments()).map((document) => ({ document })));
  await eventually(
    "both versions answer through Envoy",
    async () => {
      const statuses = await Promise.all(["7", "8"].map(async (version) => (await infer(keyOf(version))).status));
      return statuses.every((status) => status === 200);
    },
    60_000,
  );
});

afterAll(async () => {
  await store?.close();
  await Promise.all([system?.stop(), version7?.stop(), version8?.stop()]);
});

test("a resolved request is answered by the scikit-learn model that the objective chose", async () => {
  for (const [context, version, shard] of [
    [{ userId: "user-1", device: "kiosk" }, "8", "mlserver/sklearn-b"],
    [{ userId: await userOf("stable") }, "7", "mlserver/sklearn-a"],
    [{ userId: await userOf("canary") }, "8", "mlserver/sklearn-b"],
  ] as const) {
    const { routingKey, headers } = await resolve(context);
    expect(routingKey).toBe(keyOf(version));
    const response = await infer(routingKey, requestBody, headers);
    expect(response.status).toBe(200);
    expect(response.headers.get("x-signalbox-model")).toBe(`digits@${version}`);
    expect(response.headers.get("x-signalbox-shard")).toBe(shard);
    // MLServer's own: no server but the real one says this.
    expect(response.headers.get("ce-inferenceservicename")).toBe("mlserver");
    expect(await response.json()).toMatchObject({
      model_version: version,
      outputs: [{ name: "predict", datatype: "INT64", data: [4] }],
    });
  }
});

test("through Envoy, each version is as accurate as its training said", async () => {
  for (const version of ["7", "8"]) {
    const weights = JSON.parse(readFileSync(join(quickstart, `digits-${version}.weights.json`), "utf8"));
    const response = await infer(keyOf(version), heldOutBody());
    const { outputs } = (await response.json()) as { outputs: { data: number[] }[] };
    const correct = heldOut.digits.filter(({ label }, row) => outputs[0]?.data[row] === label).length;
    expect(correct, `digits@${version}`).toBe(weights.heldOut.correct);
  }
});

test("the shadow gets a copy under its own version's path", async () => {
  const pathOf = (version: string) => `/v2/models/digits/versions/${version}/infer?probe=shadow`;
  const response = await infer(keyOf("7"), requestBody, {}, "/infer?probe=shadow");
  expect(response.headers.get("x-signalbox-model")).toBe("digits@7");
  await eventually("the shadow request", () => version8.posts(pathOf("8")) === 1);
  expect(version7.posts(pathOf("7"))).toBe(1);
  expect(version7.posts(pathOf("8")) + version8.posts(pathOf("7"))).toBe(0);
});

test("a gRPC client reaches MLServer's gRPC half", async () => {
  const client = new Client(new URL(system.envoyUrl).host, credentials.createInsecure());
  const methods = openInference["inference.GRPCInferenceService"] as Parameters<typeof callUnary>[1];
  const pixels = JSON.parse(requestBody.toString()).inputs[0].data;
  const message = {
    model_name: "digits",
    inputs: [{ name: "pixels", datatype: "FP64", shape: [1, 64], contents: { fp64_contents: pixels } }],
  };
  const headers = { "x-routing-key": "mlserver/read-digit-grpc/digits-grpc@8" };
  expect(await callUnary(client, methods, "ServerMetadata", {}, headers)).toMatchObject({ name: "mlserver" });
  expect(await callUnary(client, methods, "ModelInfer", message, headers)).toMatchObject({
    model_version: "8",
    outputs: [{ name: "predict", contents: { int64_contents: [4] } }],
  });
  client.close();
});

test("a published change of the canary's weight moves users to the other model", async () => {
  const stable = await userOf("stable");
  const objective = (await exampleDocuments()).find(
    (document) => document.kind === "Objective" && document.metadata.name === "read-digit",
  );
  if (objective?.kind !== "Objective") throw new Error("examples/mlserver has no objective read-digit");
  const rules = objective.spec.rules.map((rule) =>
    rule.split
      ? {
          ...rule,
          split: {
            ...rule.split,
            variants: rule.split.variants.map((arm) => ({ ...arm, weight: arm.name === "canary" ? 100 : 0 })),
          },
        }
      : rule,
  );
  await store.apply([{ document: { ...objective, spec: { ...objective.spec, rules } } }]);
  await eventually("the user is resolved to version 8", async () => {
    const { routingKey } = await resolve({ userId: stable });
    return routingKey === keyOf("8") && (await infer(routingKey)).headers.get("x-signalbox-model") === "digits@8";
  });
});

test("a dead MLServer takes only its own version along, and comes back by itself", async () => {
  await version8.kill();
  await eventually("version 8 is refused as JSON", async () => {
    const response = await infer(keyOf("8"));
    const body = (await response.json()) as { error?: { code?: string } };
    return response.status === 503 && Boolean(body.error?.code);
  });
  for (let request = 0; request < 20; request++) expect((await infer(keyOf("7"))).status).toBe(200);
  await version8.start();
  await eventually("version 8 answers again", async () => (await infer(keyOf("8"))).status === 200);
});

const keyOf = (version: string) => `mlserver/read-digit/digits@${version}`;

function infer(
  routingKey: string,
  body: Uint8Array<ArrayBuffer> = requestBody,
  headers: Record<string, string> = {},
  path = "/infer",
) {
  return fetch(system.envoyUrl + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers, "x-routing-key": routingKey },
    body,
  });
}

type Resolution = {
  readonly routingKey: string;
  readonly headers: Record<string, string>;
  readonly config: { readonly variant: string | null };
};

async function resolve(context: Record<string, string>): Promise<Resolution> {
  const response = await fetch(`${system.resolverUrl}/v1/resolve`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ namespace: "mlserver", objective: "read-digit", context }),
  });
  if (!response.ok) throw new Error(`the resolver answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Resolution;
}

/** Some user whom the canary rule gives this variant. */
async function userOf(variant: "stable" | "canary"): Promise<string> {
  for (let number = 1; number <= 500; number++) {
    const userId = `user-${number}`;
    if ((await resolve({ userId })).config.variant === variant) return userId;
  }
  throw new Error(`no user of 500 is ${variant}`);
}

/** The example's documents, on the ports of this test's servers. */
async function exampleDocuments(): Promise<SignalboxDocument[]> {
  const loaded = await loadFiles([join(projectFolder, "examples/mlserver")]);
  expect(problemsOfLoaded(loaded)).toEqual([]);
  const ports = new Map([
    [9207, version7.httpPort],
    [9208, version8.httpPort],
    [9218, version8.grpcPort],
  ]);
  const portOf = (port: number) => {
    const chosen = ports.get(port);
    if (chosen === undefined) throw new Error(`examples/mlserver names port ${port}, which no server of this test has`);
    return chosen;
  };
  return loaded.documents.map(({ document }) =>
    document.kind === "Shard"
      ? {
          ...document,
          spec: {
            ...document.spec,
            endpoints: document.spec.endpoints?.map((endpoint) => ({ ...endpoint, port: portOf(endpoint.port) })),
          },
        }
      : document,
  );
}

function heldOutBody(): Uint8Array<ArrayBuffer> {
  const data = heldOut.digits.flatMap(({ pixels }) =>
    [...pixels].map((character) => heldOut.pixelCharacters.indexOf(character)),
  );
  const tensor = { name: "pixels", datatype: "FP64", shape: [heldOut.digits.length, 64], data };
  return new TextEncoder().encode(JSON.stringify({ inputs: [tensor] }));
}
