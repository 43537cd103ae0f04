import type { MetricName, Metrics } from "../service/metrics.ts";
import type { Security } from "./access/security.ts";
import type { XdsServer } from "./protocol/server.ts";
import { revisionOf } from "./reporting/commit-number.ts";

/** What the gauges look at when they are read. */
export type Observed = {
  readonly server: () => Pick<XdsServer, "nodes" | "streamCount">;
  /** Node groups, those without a node included. */
  readonly groups: () => number;
  readonly security: Pick<Security, "failing" | "tls"> & { readonly secrets: Pick<Security["secrets"], "firstExpiry"> };
  /** Resources served, by type URL. */
  readonly resources: () => ReadonlyMap<string, number>;
};

/** Adds the gauges, which look at what is observed when they are read. */
export function addGauges(metrics: Metrics, { server, groups, security, resources }: Observed): void {
  const [gauge, gaugeBy] = [gaugesOf(metrics), labelledGaugesOf(metrics)];
  gauge("signalbox_xds_envoys", "Envoys connected.", () => server().nodes().length);
  gauge("signalbox_xds_node_groups", "Node groups: selections of the documents that nodes are served.", groups);
  gaugeBy("group", "signalbox_xds_group_nodes", "Nodes connected, by node group.", () =>
    server()
      .nodes()
      .map(({ group }) => [group, 1]),
  );
  gauge(
    "signalbox_xds_certificate_expiry_timestamp_seconds",
    "When the xDS certificate in use expires, in seconds since the epoch; absent without TLS.",
    () => secondsOf(security.tls?.expiresAt()),
  );
  gauge(
    "signalbox_xds_secret_expiry_timestamp_seconds",
    "When the first certificate among the secrets expires, in seconds since the epoch; absent without one.",
    () => secondsOf(security.secrets.firstExpiry()),
  );
  gauge(
    "signalbox_xds_files_failing",
    "Files for TLS, identities or secrets that changed and cannot be used; their last good content is.",
    () => security.failing(),
  );
  gauge("signalbox_xds_streams", "xDS streams open.", () => server().streamCount());
  gauge(
    "signalbox_xds_acknowledged_revision",
    "The highest store revision that all connected Envoys have in use; absent without Envoys.",
    () => {
      const commits = server()
        .nodes()
        .map(({ acknowledgedRevision }) => acknowledgedRevision ?? 0);
      return commits.length === 0 ? undefined : revisionOf(Math.min(...commits));
    },
  );
  gaugeBy("type", "signalbox_xds_resources", "Resources served.", () =>
    [...resources()].map(([typeUrl, count]) => [typeLabel(typeUrl), count]),
  );
  gaugeBy(
    "type",
    "signalbox_xds_refused_resources",
    "Resources that connected Envoys refuse at present; their last good ones stay in use.",
    () =>
      server()
        .nodes()
        .flatMap((node) => node.nacks)
        .map(({ typeUrl, resourceNames }) => [typeLabel(typeUrl), resourceNames.length]),
  );
}

/** Makes gauges; what is read as undefined is absent. */
function gaugesOf(metrics: Metrics) {
  return (name: MetricName, help: string, read: () => number | undefined) =>
    metrics.gauge({
      name,
      help,
      collect() {
        const value = read();
        // A reset gauge without labels is 0, not absent.
        this.remove();
        if (value !== undefined) this.set(value);
      },
    });
}

type Labelled = Iterable<readonly [value: string, count: number]>;

/** Makes gauges with a label; what is read of one value of the label is added up. */
function labelledGaugesOf(metrics: Metrics) {
  return (label: string, name: MetricName, help: string, read: () => Labelled) =>
    metrics.gauge({
      name,
      help,
      labelNames: [label],
      collect() {
        this.reset();
        for (const [value, count] of read()) this.labels(value).inc(count);
      },
    });
}

function secondsOf(time: Date | undefined): number | undefined {
  return time && time.getTime() / 1000;
}

/** The last word of a type URL: `Cluster`. Types that nobody serves are one label. */
export function typeLabel(typeUrl: string): string {
  return typeUrl.startsWith("type.googleapis.com/envoy.") ? typeUrl.slice(typeUrl.lastIndexOf(".") + 1) : "other";
}
