/** What kind of traffic a request is: artificial traffic can be told apart everywhere. */
export const trafficClasses = ["real", "shadow", "test", "synthetic"] as const;
export type TrafficClass = (typeof trafficClasses)[number];

/** What names a calling service. */
export const clientName = /^[A-Za-z0-9._-]{1,63}$/;

/** What says of a request where it comes from. It travels in headers and does not change the decision. */
export type Labels = {
  /** Real when absent. */
  readonly trafficClass?: TrafficClass;
  /** The calling service; see {@link clientName}. */
  readonly client?: string;
};

/** The headers of a request with these labels. */
export function labelHeaders({ trafficClass, client }: Labels): Readonly<Record<string, string>> {
  return {
    ...(trafficClass === undefined ? {} : { "x-signalbox-traffic-class": trafficClass }),
    ...(client === undefined ? {} : { "x-signalbox-client": client }),
  };
}
