import type { Counts } from "./instrument/counts.ts";
import type { Usage } from "./price-list.ts";

/** How events arrive: one by one or 100 a request, in company of others of their tenant or alone. */
export type SenderKind = "oneByOne" | "oneByOneAlone" | "batches" | "batchesAlone";

/** What the bench counted of billed operations: the base of every price in the documents. */
export interface MeasuredUsage {
  /** Per million events with ids, all the way into usage_rollups. */
  perMillion: Record<SenderKind, Usage>;
  /** CPU an HTTP request, of the whole runtime. */
  cpuMsPerRequest: Record<SenderKind, number>;
  /** Of one flush of one tenant that holds one event, until it is rolled up. */
  perFlush: Usage;
  /** Of one run of the aggregator that finds nothing to do. */
  perRun: Usage;
  /** Bytes of database that a row of usage_objects takes, its indexes included. */
  objectRowBytes: number;
}

/** Memory for which an active object is billed. */
const OBJECT_GB = 0.128;

/** What was counted, as the price list names it. Storage is not among it. */
export const toUsage = (counts: Counts): Usage => ({
  objectRequests: counts.objectRequests,
  objectGbSeconds: (counts.objectBusyMs / 1_000) * OBJECT_GB,
  objectRowsRead: counts.objectRowsRead,
  objectRowsWritten: counts.objectRowsWritten,
  d1RowsRead: counts.d1RowsRead,
  d1RowsWritten: counts.d1RowsWritten,
  r2ClassA: counts.r2ClassA,
  r2ClassB: counts.r2ClassB,
});
