import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromJson } from "@bufbuild/protobuf";
import { afterEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderBootstrap } from "../envoy/bootstrap.ts";
import { BootstrapSchema } from "../proto/gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { registry } from "../proto/registry.ts";
import { projectFolder } from "../setup/paths.js";
import { createValidator } from "../xds-server/validation/validator.ts";
import { eventually, temporaryFolder } from "./support/processes.ts";
import { type RoutedEnvoy, startRoutedEnvoy } from "./support/routed-envoy.ts";

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

  test("keeps the rules of its proto", () => {
    const bootstrap = fromJson(BootstrapSchema, parse(renderBootstrap()), { registry });
    expect(createValidator(registry)(bootstrap)).toEqual([]);
  });

  test("is the same whether entrypoint.sh or renderBootstrap fills it in", () => {
    const file = join(temporaryFolder(), "bootstrap.yaml");
    execFileSync("sh", [join(projectFolder, "envoy", "entrypoint.sh")], {
      env: {
        PATH: process.env.PATH,
        ENVOY_BIN: "true",
        ENVOY_BOOTSTRAP: file,
        ENVOY_NODE_ID: "envoy-1",
        ENVOY_NODE_CLUSTER: "compose",
        ENVOY_ADMIN_PORT: "9902",
        ENVOY_MAX_CONNECTIONS: "1000",
        XDS_ADDRESSES: "xds-server-1:18000,xds-server-2:18000",
      },
    });
    const rendered = renderBootstrap({
      nodeId: "envoy-1",
      nodeCluster: "compose",
      adminPort: 9902,
      maxConnections: 1000,
      xdsAddresses: ["xds-server-1:18000", "xds-server-2:18000"],
    });
    expect(readFileSync(file, "utf8")).toBe(rendered);
  });
});

describe("a wrong address of an xds-server", () => {
  test("is refused by renderBootstrap with the remedy", () => {
    expect(() => renderBootstrap({ xdsAddresses: ["xds-server"] })).toThrow('"xds-server" is no address');
  });

  test("is refused by entrypoint.sh with the remedy", () => {
    const start = () =>
      execFileSync("sh", [join(projectFolder, "envoy", "entrypoint.sh")], {
        env: { PATH: process.env.PATH, ENVOY_BIN: "true", XDS_ADDRESSES: "xds-server", ENVOY_BOOTSTRAP: "/dev/null" },
        stdio: "pipe",
      });
    expect(start).toThrow(/"xds-server" is not host:port/);
  });
});
