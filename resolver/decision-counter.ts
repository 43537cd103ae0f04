import { createAttached } from "../config/attached.ts";
import type { Decision } from "../selection/decision.ts";
import type { TrafficClass } from "../selection/labels.ts";
import type { Metrics } from "../service/metrics.ts";

type Labels = Readonly<Record<"namespace" | "objective" | "model" | "version" | "reason" | "traffic_class", string>>;
type Tally = { readonly labels: Labels; count: number };

/**
 * Counts decisions as `signalbox_resolver_decisions_total`. Real traffic is tallied by decision and handed to the
 * counter when metrics are read, because finding a counter by its labels costs more than the decision itself.
 */
export function createDecisionCounter(metrics: Metrics): (decision: Decision, trafficClass: TrafficClass) => void {
  const known = createAttached<Decision, Tally>();
  const open = new Set<Tally>();
  const counter = metrics.counter({
    name: "signalbox_resolver_decisions_total",
    help: "Objectives decided, by the model version chosen. `reason` is rule, default, unit_missing, experiment or override.",
    labelNames: ["namespace", "objective", "model", "version", "reason", "traffic_class"],
    collect() {
      for (const tally of open) {
        this.inc(tally.labels, tally.count);
        tally.count = 0;
      }
      open.clear();
    },
  });
  return (decision, trafficClass) => {
    if (trafficClass !== "real") return counter.inc(labelsOf(decision, trafficClass));
    let tally = known.get(decision);
    if (!tally) {
      tally = { labels: labelsOf(decision, trafficClass), count: 0 };
      known.set(decision, tally);
    }
    if (tally.count === 0) open.add(tally);
    tally.count += 1;
  };
}

function labelsOf({ objective: name, model, version, reason }: Decision, trafficClass: TrafficClass): Labels {
  const [namespace = "", objective = ""] = name.split("/");
  return { namespace, objective, model, version, reason, traffic_class: trafficClass };
}
