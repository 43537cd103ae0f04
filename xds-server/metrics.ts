import type { Metrics } from "../service/metrics.ts";
import type { Security } from "./access/security.ts";
import type { XdsHooks } from "./protocol/hooks.ts";
import type { XdsServer } from "./protocol/server.ts";
import type { RefusalReason } from "./publishing/group-of.ts";
import type { Published } from "./publishing/publisher.ts";
import { revisionOf } from "./reporting/commit-number.ts";

export type XdsMetrics = {
  readonly hooks: XdsHooks;
  published(published: Published): void;
  refused(reason: RefusalReason): void;
  handshakeFailed(reason: string): void;
};

/** What the gauges look at when they are read. */
export type Observed = {
  readonly server: () => Pick<XdsServer, "nodes" | "streamCount">;
  /** Node groups, those without a node included. */
  readonly groups: () => number;
  readonly security: Pick<Security, "failing" | "tls"> & { readonly secrets: Pick<Security["secrets"], "firstExpiry"> };
  /** Resources served, by type URL. */
  readonly resources: () => ReadonlyMap<string, number>;
};

/** The metrics of the xds-server beside those that all processes have; docs/operations.md explains them. */
export function createXdsMetrics(metrics: Metrics, observed: Observed): XdsMetrics {
  addGauges(metrics, observed);
  const responses = metrics.counter({
    name: "signalbox_xds_responses_total",
    help: "xDS responses sent to Envoys.",
    labelNames: ["type"],
  });
  const resources = metrics.counter({
    name: "signalbox_xds_resources_sent_total",
    help: "Resources in those responses, removals included.",
    labelNames: ["type"],
  });
  const bytes = metrics.counter({
    name: "signalbox_xds_sent_bytes_total",
    help: "Bytes of those responses.",
    labelNames: ["type"],
  });
  const acks = metrics.counter({ name: "signalbox_xds_acks_total", help: "Responses accepted.", labelNames: ["type"] });
  const nacks = metrics.counter({
    name: "signalbox_xds_nacks_total",
    help: "Responses refused.",
    labelNames: ["type"],
  });
  const rejected = metrics.counter({
    name: "signalbox_xds_streams_rejected_total",
    help: "Streams refused before they were open.",
  });
  const refused = metrics.counter({
    name: "signalbox_xds_nodes_refused_total",
    help: "Nodes that were not served, by reason.",
    labelNames: ["reason"],
  });
  const handshakeFailures = metrics.counter({
    name: "signalbox_xds_tls_handshake_failures_total",
    help: "TLS handshakes of clients that failed, by reason.",
    labelNames: ["reason"],
  });
  const cut = metrics.counter({
    name: "signalbox_xds_streams_cut_total",
    help: "Streams ended, or not opened, for what the client did, by reason.",
    labelNames: ["reason"],
  });
  const publishDuration = metrics.histogram({
    name: "signalbox_xds_publish_duration_seconds",
    help: "From a change of the documents to its resources being served.",
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
  });
  return {
    hooks: {
      onResponse: (_stream, response) => {
        const type = shortType(response.typeUrl);
        responses.inc({ type });
        resources.inc({ type }, response.resources + response.removed);
        bytes.inc({ type }, response.bytes);
      },
      onAck: (_stream, { typeUrl }) => acks.inc({ type: shortType(typeUrl) }),
      onNack: (_stream, { typeUrl }) => nacks.inc({ type: shortType(typeUrl) }),
      onReject: () => rejected.inc(),
      onCut: ({ reason }) => cut.inc({ reason }),
    },
    published: ({ durationMs }) => publishDuration.observe(durationMs / 1000),
    refused: (reason) => refused.inc({ reason }),
    handshakeFailed: (reason) => handshakeFailures.inc({ reason }),
  };
}

function addGauges(metrics: Metrics, observed: Observed): void {
  metrics.gauge({
    name: "signalbox_xds_envoys",
    help: "Envoys connected.",
    collect() {
      this.set(observed.server().nodes().length);
    },
  });
  metrics.gauge({
    name: "signalbox_xds_node_groups",
    help: "Node groups: selections of the documents that nodes are served.",
    collect() {
      this.set(observed.groups());
    },
  });
  metrics.gauge({
    name: "signalbox_xds_group_nodes",
    help: "Nodes connected, by node group.",
    labelNames: ["group"],
    collect() {
      this.reset();
      for (const { group } of observed.server().nodes()) this.inc({ group });
    },
  });
  metrics.gauge({
    name: "signalbox_xds_certificate_expiry_timestamp_seconds",
    help: "When the xDS certificate in use expires, in seconds since the epoch; absent without TLS.",
    collect() {
      this.remove();
      const { tls } = observed.security;
      if (tls) this.set(tls.expiresAt().getTime() / 1000);
    },
  });
  metrics.gauge({
    name: "signalbox_xds_secret_expiry_timestamp_seconds",
    help: "When the first certificate among the secrets expires, in seconds since the epoch; absent without one.",
    collect() {
      this.remove();
      const first = observed.security.secrets.firstExpiry();
      if (first) this.set(first.getTime() / 1000);
    },
  });
  metrics.gauge({
    name: "signalbox_xds_files_failing",
    help: "Files for TLS, identities or secrets that changed and cannot be used; their last good content is.",
    collect() {
      this.set(observed.security.failing());
    },
  });
  metrics.gauge({
    name: "signalbox_xds_streams",
    help: "xDS streams open.",
    collect() {
      this.set(observed.server().streamCount());
    },
  });
  metrics.gauge({
    name: "signalbox_xds_acknowledged_revision",
    help: "The highest store revision that all connected Envoys have in use; absent without Envoys.",
    collect() {
      const revisions = observed
        .server()
        .nodes()
        .map(({ acknowledgedRevision }) => acknowledgedRevision ?? 0);
      // A reset gauge without labels is 0, not absent.
      this.remove();
      if (revisions.length > 0) this.set(revisionOf(Math.min(...revisions)));
    },
  });
  metrics.gauge({
    name: "signalbox_xds_resources",
    help: "Resources served.",
    labelNames: ["type"],
    collect() {
      this.reset();
      for (const [typeUrl, count] of observed.resources()) this.set({ type: shortType(typeUrl) }, count);
    },
  });
  metrics.gauge({
    name: "signalbox_xds_refused_resources",
    help: "Resources that connected Envoys refuse at present; their last good ones stay in use.",
    labelNames: ["type"],
    collect() {
      this.reset();
      for (const { typeUrl, resourceNames } of observed
        .server()
        .nodes()
        .flatMap((node) => node.nacks))
        this.inc({ type: shortType(typeUrl) }, resourceNames.length);
    },
  });
}

/** The last word of a type URL: `Cluster`. Types that nobody serves are one label. */
function shortType(typeUrl: string): string {
  return typeUrl.startsWith("type.googleapis.com/envoy.") ? typeUrl.slice(typeUrl.lastIndexOf(".") + 1) : "other";
}
