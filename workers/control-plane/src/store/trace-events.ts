import { and, asc, eq, sql } from "drizzle-orm";
import { traceEvents } from "@prego/core/schema";
import type { Database } from "@prego/core/store";

export type TraceEventRow = typeof traceEvents.$inferSelect;

/** One page of a trace, oldest first, along the index (trace_id, ts, id). */
export async function listTraceEvents(
  db: Database,
  page: { traceId: string; after: { ts: string; id: string } | undefined; limit: number },
): Promise<{ rows: TraceEventRow[]; hasMore: boolean }> {
  const position =
    page.after === undefined
      ? undefined
      : sql`(${traceEvents.ts}, ${traceEvents.id}) > (${page.after.ts}, ${page.after.id})`;
  const rows = await db
    .select()
    .from(traceEvents)
    .where(and(eq(traceEvents.traceId, page.traceId), position))
    .orderBy(asc(traceEvents.ts), asc(traceEvents.id))
    .limit(page.limit + 1);
  return { rows: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}
