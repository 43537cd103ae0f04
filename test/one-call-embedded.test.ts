import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EchoServer, type Received, startEchoServer } from "./support/echo-server.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy;
let echo: EchoServer;
let revision: number;

beforeAll(async () => {
  echo = await startEchoServer({ name: "a" });
  routed = await startRoutedEnvoy();
  revision = await routed.publish([
    sampleShard("pool", [echo.http1Port]),
    sampleModel("ranker", { "7": ["pool"], "8": ["pool"] }, "open-inference"),
    sampleObjective("ranking", "ranker", "7", {
      rules: [
        {
          name: "kiosks",
          when: { device: "kiosk" },
          serve: { model: "ranker", version: "8", parameters: { beam: 4 } },
        },
      ],
    }),
  ]);
});

afterAll(async () => {
  await routed?.stop();
  await echo?.stop();
});

async function call(headers: Record<string, string>, path = "/infer") {
  const response = await fetch(`${routed.oneCallUrl}${path}`, { method: "POST", headers, body: "hello" });
  return { response, body: (await response.json()) as Received & { readonly error: Record<string, string> } };
}

describe("a request that names an objective and carries a context", () => {
  test("reaches the version that the rules select, with the decision in its headers", async () => {
    const { response, body } = await call({
      "x-signalbox-objective": "default/ranking",
      "x-signalbox-context-device": "kiosk",
    });
    expect(response.status).toBe(200);
    expect(body.headers).toMatchObject({
      "x-routing-key": "default/ranking/ranker@8",
      "x-signalbox-decision": `objective=default/ranking;rule=kiosks;model=ranker@8;revision=${revision};reason=rule`,
    });
  });
});
