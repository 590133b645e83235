/** Who makes a call: the stateless writer, a buffer object (its bindings, its SQL, its alarms and sync), or an aggregator run. */
export type CallSite = "writer" | "buffer_rpc" | "buffer" | "object_sql" | "object_storage" | "aggregator";

/**
 * What goes wrong at a call. `before`: nothing happened. `after`: the effect is done, the answer lost. `sticky`: it fails,
 * and so does every later call of its site until healed. `hang`: no effect and never an answer. `late`: never an answer, and the
 * effect comes only after others have tried again. `restart`: the object dies while the call is under way, its memory is lost.
 */
export type SweepMode = "before" | "after" | "sticky" | "hang" | "late" | "restart";

/** Every mode, in the order of a sweep. */
export const SWEEP_MODES: readonly SweepMode[] = ["before", "after", "sticky", "hang", "late", "restart"];

const SITE_MODES: Record<CallSite, ReadonlySet<SweepMode>> = {
  writer: new Set(["before", "after", "sticky", "hang", "late"]),
  buffer_rpc: new Set(["before", "after", "sticky", "hang", "late", "restart"]),
  buffer: new Set(["before", "after", "sticky", "hang", "late", "restart"]),
  object_sql: new Set(["before", "after", "sticky", "restart"]),
  // The runtime resets an object whose storage fails to write, so both of these end in a restart.
  object_storage: new Set(["before", "after"]),
  aggregator: new Set(["before", "after", "sticky", "hang", "late"]),
};

/** Whether a mode means something at a site: SQL inside an object answers at once, so it cannot hang. */
export const canStrike = (site: CallSite, mode: SweepMode): boolean => SITE_MODES[site].has(mode);

/** Which calls go wrong: one by its number, counted from 1, or a share of all that a seed chooses. */
export type FaultPlan = { call: number; mode: SweepMode } | { seed: number; rate: number };

/** A fault that struck. */
export interface Strike {
  call: number;
  site: CallSite;
  mode: SweepMode;
}

/** Calls since a plan was set, and the faults among them. */
export interface FaultReport {
  /** Who made each call, in their order. */
  sites: CallSite[];
  strikes: Strike[];
}

/** Hours after which everything goes on: at once, past the orphans' age, a day later, and at both sides of the dedupe window. */
export const RESUME_GAPS_HOURS: readonly number[] = [0, 1, 25, 31 * 24, 36 * 24];

/** What the driver asks of the harness, one JSON body each. */
export type HarnessCommand =
  | { do: "reset"; nowMs: number; tenantIds: string[]; shards: string }
  | { do: "plan"; plan: FaultPlan }
  | { do: "heal" }
  | { do: "deliver_late" }
  | { do: "set_clock"; nowMs: number }
  | { do: "break_bucket"; untilMs: number }
  | { do: "close_cycle"; cycle: string }
  | { do: "fire_alarms" }
  | { do: "restart_objects"; share: number; seed: number }
  | { do: "aggregate"; runs: number }
  | { do: "status" }
  | { do: "totals" };

/** What is still on its way. */
export interface HarnessStatus {
  pending: number;
  quarantined: number;
  nextAlarmMs: number | null;
}

/** What was counted for a tenant and meter: rollups and adjustments together. */
export interface CountedTotal {
  tenantId: string;
  meterKey: string;
  events: number;
  /** Micro-units. */
  qty: string;
  /** Distinct values, each once a month. */
  values: number;
}
