/** Service bindings of the front door, one per worker. */
export type Backend =
  | "CONTROL_PLANE"
  | "USAGE_WRITER"
  | "USAGE_AGGREGATOR"
  | "CYCLE_CLOSE"
  | "PURGE_JOB"
  | "AUTOSCALER";

/** Path prefixes and their workers, as a production zone's routes would have them; all else is control-plane's. */
const ROUTES: readonly (readonly [string, Backend])[] = [
  ["/usage", "USAGE_WRITER"],
  ["/api/v1/events", "USAGE_WRITER"],
  ["/aggregate", "USAGE_AGGREGATOR"],
  ["/cycle-close", "CYCLE_CLOSE"],
  ["/purge", "PURGE_JOB"],
  ["/run", "AUTOSCALER"],
  ["/metrics", "AUTOSCALER"],
];

/** The worker that answers a path. A prefix matches whole segments only: `/usages` is not `/usage`. */
export const backendOf = (path: string): Backend =>
  ROUTES.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))?.[1] ?? "CONTROL_PLANE";

/** Every backend, by the name of its worker's folder. */
export const BACKENDS: Readonly<Record<string, Backend>> = {
  "control-plane": "CONTROL_PLANE",
  "usage-writer": "USAGE_WRITER",
  "usage-aggregator": "USAGE_AGGREGATOR",
  "cycle-close": "CYCLE_CLOSE",
  "purge-job": "PURGE_JOB",
  autoscaler: "AUTOSCALER",
};
