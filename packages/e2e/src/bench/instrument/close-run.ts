/** Header with the time it is for the worker, in epoch milliseconds. */
export const NOW_HEADER = "x-bench-now";

/** What one scheduled run did. */
export interface MeasuredRun {
  /** Undefined when the run was killed. */
  failed: number | undefined;
  /** D1 queries, each statement of a batch by itself. */
  queries: number;
  /** Batches that wrote totals. */
  closeBatches: number;
  rowsWritten: number;
  stripeCalls: number;
  tookMs: number;
}
