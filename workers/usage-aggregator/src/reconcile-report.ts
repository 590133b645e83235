/** How the comparison of R2 with `usage_objects` went in one run. */
export interface ReconcileReport {
  /** State of the pass; the next run reads it back. */
  day: string;
  finished: boolean;
  cursor_seq: number | null;
  /** The pass gave up behind more foreign objects than one run lists. */
  stalled: boolean;
  pages: number;
  listed: number;
  /** Objects that got a row. */
  adopted: number;
  /** Objects without a row that were left: too young, or no key, size or tenant of ours. */
  too_young: number;
  refused: number;
  /** Rows whose object is gone, and the first of them. */
  missing: number;
  missing_seqs: number[];
}

export const startReconcileReport = (day: string, cursorSeq: number | null): ReconcileReport => ({
  day,
  finished: false,
  cursor_seq: cursorSeq,
  stalled: false,
  pages: 0,
  listed: 0,
  adopted: 0,
  too_young: 0,
  refused: 0,
  missing: 0,
  missing_seqs: [],
});
