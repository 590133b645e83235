import type { LivePlan } from "./inputs.ts";

/** Months differ by three days. */
const DAYS_APART_MS = 3 * 24 * 60 * 60 * 1_000;

/** When the invoice on which a meter event of this time lies is final, epoch milliseconds; null while nothing says when. */
export function findFinalAtMs(live: Pick<LivePlan, "period" | "invoiceGraceMs">, eventAtMs: number): number | null {
  const { period, invoiceGraceMs } = live;
  if (period === null) return null;
  if (eventAtMs < period.startMs) {
    // The period before is taken to be as long; what lies before that one was invoiced when it began.
    const isBeforeLast =
      period.endMs !== null && period.startMs - eventAtMs > period.endMs - period.startMs + DAYS_APART_MS;
    return isBeforeLast ? period.startMs : period.startMs + invoiceGraceMs;
  }
  return period.endMs !== null && eventAtMs < period.endMs ? period.endMs + invoiceGraceMs : null;
}
