import type { ReconcileReport } from "./reconcile-report.ts";

/** Why a run stopped before the queue was empty. */
export type StopReason = "deadline" | "statements" | "bytes" | "failures";

/** Counts of a run, without any tenant's name: reports outlive tenants. */
export type AggregationReport = {
  /** Objects and passes that a storage error held up; they wait for the next run. */
  failed: number;
  /** How often each kind of failure was seen. */
  failures: Record<string, number>;
  /** Objects, and the events in them, that this run finished. */
  done: number;
  events: number;
  rollup_rows: number;
  /** Of the events, those that became adjustments of a closed cycle. */
  late_events: number;
  adjustment_rows: number;
  /** Objects that another run finished, or a purge took, while this one read them. */
  already_done: number;
  quarantined: number;
  /** Events of meters that count distinct values that name none, stored before the meter was: they are events and no value. */
  events_without_value: number;
  /** Objects that wait after the run, and all that are quarantined; counted up to 10,000. Null if that failed. */
  remaining: number | null;
  quarantined_total: number | null;
  stopped_early: StopReason | null;
  statements: number;
  reconcile: ReconcileReport | null;
};

export const emptyReport = (): AggregationReport => ({
  failed: 0,
  failures: {},
  done: 0,
  events: 0,
  rollup_rows: 0,
  late_events: 0,
  adjustment_rows: 0,
  already_done: 0,
  quarantined: 0,
  events_without_value: 0,
  remaining: null,
  quarantined_total: null,
  stopped_early: null,
  statements: 0,
  reconcile: null,
});

export function countFailure(report: AggregationReport, kind: string, objects: number): void {
  report.failed += objects;
  report.failures[kind] = (report.failures[kind] ?? 0) + objects;
}
