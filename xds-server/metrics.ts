import type { MetricName, Metrics } from "../service/metrics.ts";
import { addGauges, type Observed, typeLabel } from "./gauges.ts";
import type { XdsHooks } from "./protocol/hooks.ts";
import type { RefusalReason } from "./publishing/group-of.ts";
import type { Published } from "./publishing/publisher.ts";

export type XdsMetrics = {
  readonly hooks: XdsHooks;
  published(published: Published): void;
  refused(reason: RefusalReason): void;
  handshakeFailed(reason: string): void;
};

/** The metrics of the xds-server beside those that all processes have; docs/operations.md explains them. */
export function createXdsMetrics(metrics: Metrics, observed: Observed): XdsMetrics {
  addGauges(metrics, observed);
  const counterBy =
    <Label extends string>(label: Label) =>
    (name: MetricName, help: string) =>
      metrics.counter({ name, help, labelNames: [label] });
  const [byType, byReason] = [counterBy("type"), counterBy("reason")];
  const responses = byType("signalbox_xds_responses_total", "xDS responses sent to Envoys.");
  const resources = byType("signalbox_xds_resources_sent_total", "Resources in those responses, removals included.");
  const bytes = byType("signalbox_xds_sent_bytes_total", "Bytes of those responses.");
  const acks = byType("signalbox_xds_acks_total", "Responses accepted.");
  const nacks = byType("signalbox_xds_nacks_total", "Responses refused.");
  const rejected = metrics.counter({
    name: "signalbox_xds_streams_rejected_total",
    help: "Streams refused before they were open.",
  });
  const refused = byReason("signalbox_xds_nodes_refused_total", "Nodes that were not served, by reason.");
  const handshakeFailures = byReason(
    "signalbox_xds_tls_handshake_failures_total",
    "TLS handshakes of clients that failed, by reason.",
  );
  const cut = byReason(
    "signalbox_xds_streams_cut_total",
    "Streams ended, or not opened, for what the client did, by reason.",
  );
  const publishDuration = metrics.histogram({
    name: "signalbox_xds_publish_duration_seconds",
    help: "From a change of the documents to its resources being served.",
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
  });
  return {
    hooks: {
      onResponse: (_stream, response) => {
        const type = typeLabel(response.typeUrl);
        responses.inc({ type });
        resources.inc({ type }, response.resources + response.removed);
        bytes.inc({ type }, response.bytes);
      },
      onAck: (_stream, { typeUrl }) => acks.inc({ type: typeLabel(typeUrl) }),
      onNack: (_stream, { typeUrl }) => nacks.inc({ type: typeLabel(typeUrl) }),
      onReject: () => rejected.inc(),
      onCut: ({ reason }) => cut.inc({ reason }),
    },
    published: ({ durationMs }) => publishDuration.observe(durationMs / 1000),
    refused: (reason) => refused.inc({ reason }),
    handshakeFailed: (reason) => handshakeFailures.inc({ reason }),
  };
}
