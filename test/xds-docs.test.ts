import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { projectFolder } from "../setup/paths.js";
import { startEnvoy } from "./support/envoy.ts";
import {
  adsBootstrap,
  clusterResource,
  endpointResource,
  listenerResource,
  runtimeResource,
} from "./support/envoy-resources.ts";
import { envoyVersions, missingEnvoyReason } from "./support/envoy-versions.ts";
import { freePorts } from "./support/ports.ts";
import { eventually } from "./support/processes.ts";
import { serverForTest } from "./support/xds-world.ts";

/** The parts of a bootstrap that docs/xds.md says matter. */
function documentedParts(): object {
  const documentation = readFileSync(join(projectFolder, "docs", "xds.md"), "utf8");
  const [, chapter = ""] = documentation.split("## An Envoy\n");
  const [, yaml = ""] = /```yaml\n(.*?)```/s.exec(chapter) ?? [];
  return parse(yaml) as object;
}

describe.each(envoyVersions)("an Envoy %s with the bootstrap of docs/xds.md", (version) => {
  test.skipIf(missingEnvoyReason(version))("is served everything, its runtime layer too", async () => {
    const xds = await serverForTest();
    const [adminPort, port] = (await freePorts(2)) as [number, number];
    xds.store.apply(
      "test",
      [
        ...[clusterResource("a"), endpointResource("a", adminPort), listenerResource("l", port)],
        runtimeResource("signalbox", { limit: 7 }),
      ],
      { revision: 1 },
    );
    // The rest is as in any bootstrap: the admin page, and the cluster of the xds-servers.
    const any = JSON.parse(adsBootstrap("DELTA_GRPC", xds.port, adminPort).replaceAll('"xds"', '"xds_server"'));
    const { admin, static_resources } = any as Record<string, object>;
    const bootstrap = JSON.stringify({ ...documentedParts(), admin, static_resources });
    const envoy = await startEnvoy(bootstrap, adminPort, { version, until: "ready" });
    onTestFinished(() => envoy.stop());
    const runtime = JSON.parse(await envoy.admin("/runtime")) as { layers: string[]; entries: object };
    expect(runtime).toMatchObject({ layers: ["signalbox", "admin"], entries: { limit: { final_value: "7" } } });
    expect(await envoy.admin("/listeners")).toContain(`:${port}`);
    await eventually("revision 1", () => xds.server.nodes()[0]?.acknowledgedRevision === 1);
    expect(xds.server.nodes()[0]).toMatchObject({ nodeId: "edge-1", nackCount: 0 });
  });
});
