import type { ReconcileState } from "./plan.ts";

/** How the comparison of R2 with `usage_objects` went in one run. */
export interface ReconcileReport {
  /** State of the pass; the next run reads it back. */
  day: string;
  finished: boolean;
  cursor_seq: number | null;
  passed_over: number;
  /** The pass gave up behind more foreign objects than one run lists. */
  stalled: boolean;
  pages: number;
  listed: number;
  /** Objects that got a row. */
  adopted: number;
  /** Objects without a row that were left: too young, or no key, size or tenant of ours. */
  too_young: number;
  refused: number;
  /** Objects without a row that R2 did not give out; the next pass tries them again. */
  unread: number;
  /** Rows whose object is gone, and the first of them. */
  missing: number;
  missing_seqs: number[];
}

export const startReconcileReport = ({ day, finished, cursorSeq, passedOver }: ReconcileState): ReconcileReport => ({
  day,
  finished,
  cursor_seq: cursorSeq,
  passed_over: passedOver,
  stalled: false,
  pages: 0,
  listed: 0,
  adopted: 0,
  too_young: 0,
  refused: 0,
  unread: 0,
  missing: 0,
  missing_seqs: [],
});
