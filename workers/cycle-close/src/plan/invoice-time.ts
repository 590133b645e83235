import type { LivePlan } from "./inputs.ts";

/** When the invoice on which a meter event of this time lies is final, epoch milliseconds; null while nothing says when. */
export function findFinalAtMs(live: Pick<LivePlan, "period" | "invoiceGraceMs">, eventAtMs: number): number | null {
  const { period, invoiceGraceMs } = live;
  if (period === null) return null;
  if (eventAtMs < period.startMs) return period.startMs + invoiceGraceMs;
  return period.endMs !== null && eventAtMs < period.endMs ? period.endMs + invoiceGraceMs : null;
}
