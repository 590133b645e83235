import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { encodeCursor } from "@prego/core/cursor";
import { operatorOnly, PAGE_QUERY, readLimit, readPosition, validate, type AppEnv } from "@prego/core/http";
import { TENANT_ID_PATTERN } from "@prego/core/id";
import { formatInstant, parseInstant } from "@prego/core/period";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { listAuditLogs, type AuditPageRow } from "../store/audit-logs.ts";

const AuditQuery = z.strictObject({
  tenant_id: z.string().regex(TENANT_ID_PATTERN).optional(),
  since: z
    .string()
    .refine((text) => parseInstant(text) !== undefined, "An ISO 8601 instant with a zone")
    .optional(),
  ...PAGE_QUERY,
});

export const auditRoutes = new Hono<AppEnv<Env>>().get(
  "/audit",
  describeRoute({ summary: "The audit log, newest first", security: [{ bearer: [] }] }),
  operatorOnly(),
  validate("query", AuditQuery),
  async (c) => {
    const query = c.req.valid("query");
    const sinceMs = query.since === undefined ? undefined : parseInstant(query.since);
    const since = sinceMs === undefined ? undefined : formatInstant(sinceMs);
    const filter = { list: "audit", tenant_id: query.tenant_id, since };
    const [before] = (await readPosition(filter, query.cursor, 1)) ?? [];
    const { db } = createDeps(c.env, c.get("runtime"));
    const page = await listAuditLogs(db, {
      tenantId: query.tenant_id,
      since,
      beforeSeq: before === undefined ? undefined : Number(before),
      limit: readLimit(query.limit),
    });
    const last = page.hasMore ? page.rows.at(-1) : undefined;
    return c.json({
      audit_logs: page.rows.map(describeRow),
      next_cursor: last === undefined ? null : await encodeCursor(filter, [String(last.seq)]),
    });
  },
);

const describeRow = (row: AuditPageRow) => ({
  seq: row.seq,
  ts: row.ts,
  actor: row.actor,
  action: row.action,
  tenant_id: row.tenantId,
  target: row.target,
  trace_id: row.traceId,
  detail: row.detailJson === null ? null : (JSON.parse(row.detailJson) as unknown),
  detail_commitment: row.detailCommitment,
  prev_hash: row.prevHash,
  hash: row.hash,
});
