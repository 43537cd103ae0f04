import { once } from "node:events";
import { constants } from "node:http2";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { projectFolder } from "../setup/paths.js";
import { xdsChannelOptions } from "../xds-server/protocol/channel-options.ts";
import { typeUrls } from "../xds-server/protocol/type-urls.ts";
import { natsForFile } from "./support/nats.ts";
import { freePorts } from "./support/ports.ts";
import { answers, eventually, startProcess, temporaryFolder } from "./support/processes.ts";
import { rawXdsStreamForTest } from "./support/raw-xds-stream.ts";
import { startTcpProxy } from "./support/tcp-proxy.ts";
import { connectXds } from "./support/xds-client.ts";
import { allVariants, clientForTest, serverForTest, variants } from "./support/xds-world.ts";

const { cluster } = typeUrls;
const nats = natsForFile();

describe("a peer that is gone without a word", () => {
  /** The server's own keep-alive, a twentieth as patient. */
  const keepAlive = Object.fromEntries(
    (["grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms"] as const).map((option) => [
      option,
      Number(xdsChannelOptions[option]) / 20,
    ]),
  );

  test.each(allVariants)("is noticed, and its stream makes room for another ($title)", async (variant) => {
    const closed: string[] = [];
    const server = await serverForTest({
      channelOptions: keepAlive,
      limits: { streams: 1 },
      hooks: { onStreamClose: ({ node }, reason) => void closed.push(`${node.id}: ${reason}`) },
    });
    server.change({ [cluster]: { A: "1" } });
    const network = await startTcpProxy(server.port);
    onTestFinished(() => network.stop());
    const peer = connectXds(network.port, variant, cluster, "peer");
    onTestFinished(() => peer.close());
    peer.send({ typeUrl: cluster });
    await peer.receive();
    expect([server.server.streamCount(), server.server.nodes().map(({ nodeId }) => nodeId)]).toEqual([1, ["peer"]]);

    network.cut();
    await eventually("it is noticed", () => closed.length > 0);
    expect(closed).toEqual(["peer: connection lost"]);
    expect([server.server.streamCount(), server.server.nodes()]).toEqual([0, []]);
    const next = clientForTest(server, variant, cluster);
    next.send({ typeUrl: cluster });
    expect((await next.receive()).resources.get("A")).toBe("1");
  });
});

describe("at SIGTERM", () => {
  test.each([variants.deltaAds, variants.sotwAds])(
    "a connection is told to go away, and its streams end in order ($title)",
    async (variant) => {
      const [xds, http, keyed] = (await freePorts(3)) as [number, number, number];
      const server = await startProcess(process.execPath, [join(projectFolder, "xds-server", "main.ts")], {
        environment: {
          ...{ NATS_URL: nats.url, SIGNALBOX_DATA: temporaryFolder() },
          ...{ XDS_GRPC_PORT: String(xds), XDS_HTTP_PORT: String(http), ENVOY_KEYED_PORT: String(keyed) },
        },
        ready: () => answers(`http://127.0.0.1:${http}/readyz`),
      });
      onTestFinished(() => server.stop());
      const { session, stream, ask } = rawXdsStreamForTest(xds, variant, "raw");
      const goaway = once(session, "goaway");
      const trailers = once(stream, "trailers");
      const streamClosed = once(stream, "close");
      const sessionClosed = once(session, "close");
      stream.resume();
      // As every gRPC client does: a call that has its status is over.
      stream.once("trailers", () => stream.end());
      ask(cluster);
      await once(stream, "data");

      await server.stop("SIGTERM");
      const [code, lastStreamId] = await goaway;
      expect([code, lastStreamId]).toEqual([constants.NGHTTP2_NO_ERROR, stream.id]);
      const [fields] = await trailers;
      expect(fields).toMatchObject({
        "grpc-status": String(status.UNAVAILABLE),
        "grpc-message": encodeURI("shutting down; reconnect elsewhere"),
      });
      await Promise.all([streamClosed, sessionClosed]);
      expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
      expect(await server.ended).toBe(0);
    },
  );
});
