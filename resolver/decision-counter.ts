import type { Decision } from "../selection/decision.ts";
import { KeptDecision } from "../selection/kept-decision.ts";
import type { TrafficClass } from "../selection/labels.ts";
import type { Metrics } from "../service/metrics.ts";

type Labels = Readonly<Record<"namespace" | "objective" | "model" | "version" | "reason" | "traffic_class", string>>;

/**
 * Counts decisions as `signalbox_resolver_decisions_total`. Real traffic is tallied in the decisions and handed to the
 * counter when metrics are read, because finding a counter by its labels costs more than the decision itself. So there
 * must be one counter for a decision.
 */
export function createDecisionCounter(metrics: Metrics): (decision: Decision, trafficClass: TrafficClass) => void {
  const open = new Set<KeptDecision>();
  const counter = metrics.counter({
    name: "signalbox_resolver_decisions_total",
    help: "Objectives decided, by the model version chosen. `reason` is rule, default, unit_missing, experiment or override.",
    labelNames: ["namespace", "objective", "model", "version", "reason", "traffic_class"],
    collect() {
      for (const decision of open) this.inc(labelsOf(decision, "real"), decision.takeCount());
      open.clear();
    },
  });
  return (decision, trafficClass) => {
    const isTallied = trafficClass === "real" && decision instanceof KeptDecision;
    if (!isTallied) return counter.inc(labelsOf(decision, trafficClass));
    if (decision.count() === 1) open.add(decision);
  };
}

function labelsOf({ objective: name, model, version, reason }: Decision, trafficClass: TrafficClass): Labels {
  const [namespace = "", objective = ""] = name.split("/");
  return { namespace, objective, model, version, reason, traffic_class: trafficClass };
}
