import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { encodeCursor } from "@prego/core/cursor";
import { operatorOnly, PAGE_QUERY, readLimit, readPosition, validate, type AppEnv } from "@prego/core/http";
import { sanitizeTraceIdValue } from "@prego/core/trace-id";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { listTraceEvents, type TraceEventRow } from "../store/trace-events.ts";

const TraceParam = z.object({
  trace_id: z.string().refine((text) => sanitizeTraceIdValue(text) === text, "Not a trace id"),
});
const TraceQuery = z.strictObject(PAGE_QUERY);

export const traceRoutes = new Hono<AppEnv<Env>>().get(
  "/trace/:trace_id",
  describeRoute({ summary: "Everything recorded for a trace id, oldest first", security: [{ bearer: [] }] }),
  operatorOnly(),
  validate("param", TraceParam),
  validate("query", TraceQuery),
  async (c) => {
    const { trace_id: traceId } = c.req.valid("param");
    const query = c.req.valid("query");
    const filter = { list: "trace", trace_id: traceId };
    const [ts, id] = (await readPosition(filter, query.cursor, 2)) ?? [];
    const after = ts === undefined || id === undefined ? undefined : { ts, id };
    const { db } = createDeps(c.env, c.get("runtime"));
    const page = await listTraceEvents(db, { traceId, after, limit: readLimit(query.limit) });
    const last = page.hasMore ? page.rows.at(-1) : undefined;
    return c.json({
      trace_id: traceId,
      events: page.rows.map(describeEvent),
      next_cursor: last === undefined ? null : await encodeCursor(filter, [last.ts, last.id]),
    });
  },
);

const describeEvent = (row: TraceEventRow) => ({
  id: row.id,
  ts: row.ts,
  source: row.source,
  event_type: row.eventType,
  tenant_id: row.tenantId,
  job_id: row.jobId,
  level: row.level,
  message: row.message,
  payload: row.payloadJson === null ? null : (JSON.parse(row.payloadJson) as unknown),
});
