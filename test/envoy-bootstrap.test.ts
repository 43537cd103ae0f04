import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import { afterEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type BootstrapSettings, renderBootstrap, renderXdsSecrets } from "../envoy/bootstrap.ts";
import { BootstrapSchema } from "../proto/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { registry } from "../proto/registry.ts";
import { projectFolder } from "../setup/paths.js";
import { createValidator } from "../xds-server/validation/validator.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";
import { sampleModel, sampleObjective, sampleShard } from "./support/sample-documents.ts";

let routed: RoutedEnvoy | undefined;
afterEach(async () => {
  await routed?.stop();
  routed = undefined;
});

describe("Envoy's bootstrap", () => {
  test("starts Envoy without a warning, ready once it has its configuration", async () => {
    routed = await startRoutedEnvoy({ logLevel: "warning" });
    await eventually("the listener", async () => (await fetch(`${routed?.url}/infer`)).status === 400);
    const complaints = routed.envoy
      .output()
      .split("\n")
      .filter((line) => /\]\[(warning|error|critical)\]/.test(line));
    expect(complaints).toEqual([]);
  });

  test("tells Envoy its runtime layers in the order static, signalbox, admin", async () => {
    routed = await startRoutedEnvoy();
    const { layers } = JSON.parse(await routed.envoy.admin("/runtime")) as { readonly layers: readonly string[] };
    expect(layers).toEqual(["static", "signalbox", "admin"]);
  });

  test("leaves out the stats of each objective's routes, of which there are eight a listener", async () => {
    routed = await startRoutedEnvoy();
    await routed.publish([
      sampleShard("pool", [9]),
      sampleModel("ranker", { "7": ["pool"] }),
      sampleObjective("ranking", "ranker", "7"),
    ]);
    const stats = await routed.envoy.admin("/stats");
    expect(stats).toContain("http.one_call.");
    expect(stats.split("\n").filter((line) => line.includes(".rds."))).toEqual([]);
  });

  test("keeps the rules of its proto", () => {
    for (const settings of [{}, everything(temporaryFolder())]) {
      const bootstrap = fromJson(BootstrapSchema, parse(renderBootstrap(settings)), { registry });
      expect(createValidator(registry)(bootstrap)).toEqual([]);
    }
  });

  test("is the same whether entrypoint.sh or renderBootstrap fills it in", () => {
    const folder = temporaryFolder();
    runEntrypoint({
      ENVOY_BOOTSTRAP: join(folder, "bootstrap.yaml"),
      ENVOY_NODE_ID: "envoy-1",
      ENVOY_NODE_CLUSTER: "compose",
      ENVOY_ADMIN_PORT: "9902",
      ENVOY_MAX_CONNECTIONS: "1000",
      XDS_ADDRESSES: "xds-server-1:18000,xds-server-2:18000",
    });
    const rendered = renderBootstrap({
      nodeId: "envoy-1",
      nodeCluster: "compose",
      adminPort: 9902,
      maxConnections: 1000,
      xdsAddresses: ["xds-server-1:18000", "xds-server-2:18000"],
    });
    expect(readFileSync(join(folder, "bootstrap.yaml"), "utf8")).toBe(rendered);
  });

  test.each(["xds.example.org", "spiffe://example.org/xds-server"])(
    "is the same with all settings, and so are the secrets of the connection to %s",
    (serverName) => {
      const folder = temporaryFolder();
      const settings = everything(folder, serverName);
      runEntrypoint({
        ENVOY_BOOTSTRAP: join(folder, "bootstrap.yaml"),
        ENVOY_NODE_ID: "envoy-1",
        ENVOY_NAMESPACES: "a,b",
        ENVOY_REGION: "eu-west-1",
        ENVOY_GROUP: "canary",
        ENVOY_LABELS: "tier=gold,team=x",
        XDS_ADDRESSES: "127.0.0.1:18000",
        XDS_CA_FILE: "/authority/ca.crt",
        XDS_CERT_FILE: "/identity/tls.crt",
        XDS_KEY_FILE: "/identity/tls.key",
        XDS_SERVER_NAME: serverName,
      });
      const files = { "bootstrap.yaml": renderBootstrap(settings), ...renderXdsSecrets(settings.xdsTls) };
      expect(Object.keys(files)).toHaveLength(3);
      for (const [file, text] of Object.entries(files)) expect(readFileSync(join(folder, file), "utf8")).toBe(text);
    },
  );
});

/** Runs entrypoint.sh with nothing to start. */
function runEntrypoint(environment: Readonly<Record<string, string>>): void {
  execFileSync("sh", [join(projectFolder, "envoy", "entrypoint.sh")], {
    env: { PATH: process.env.PATH, ENVOY_BIN: "true", ...environment },
    stdio: "pipe",
  });
}

function everything(secretsFolder: string, serverName = "xds.example.org") {
  return {
    ...{ nodeId: "envoy-1", namespaces: ["a", "b"], region: "eu-west-1", group: "canary" },
    labels: { tier: "gold", team: "x" },
    xdsTls: {
      ...{ caFile: "/authority/ca.crt", certFile: "/identity/tls.crt", keyFile: "/identity/tls.key" },
      ...{ serverName, secretsFolder },
    },
  } satisfies BootstrapSettings;
}

describe("a wrong setting of entrypoint.sh", () => {
  test.each([
    [{ ENVOY_NAMESPACES: 'a"]' }, /ENVOY_NAMESPACES: .* must consist of/],
    [{ ENVOY_LABELS: "gold" }, /ENVOY_LABELS: "gold" is not key=value/],
    [{ ENVOY_GROUP: "a b" }, /ENVOY_GROUP: "a b" must consist of/],
    [{ ENVOY_REGION: "a|b" }, /ENVOY_REGION: "a\|b" must consist of/],
    [{ XDS_CERT_FILE: "/tls.crt", XDS_CA_FILE: "/ca.crt" }, /belong together: set all three/],
    [{ XDS_CERT_FILE: "/tls.crt", XDS_KEY_FILE: "/tls.key" }, /belong together: set all three/],
  ])("is refused with the remedy: %j", (environment, message) => {
    expect(() => runEntrypoint({ ENVOY_BOOTSTRAP: "/dev/null", ...environment })).toThrow(message);
  });
});

describe("a wrong address of an xds-server", () => {
  test("is refused by renderBootstrap with the remedy", () => {
    expect(() => renderBootstrap({ xdsAddresses: ["xds-server"] })).toThrow('"xds-server" is no address');
  });

  test("is refused by entrypoint.sh with the remedy", () => {
    const start = () => runEntrypoint({ XDS_ADDRESSES: "xds-server", ENVOY_BOOTSTRAP: "/dev/null" });
    expect(start).toThrow(/"xds-server" is not host:port/);
  });
});
