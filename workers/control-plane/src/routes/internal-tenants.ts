import { encodeCursor } from "@prego/core/cursor";
import { operatorOnly, PAGE_QUERY, readLimit, readPosition, validate, type AppEnv } from "@prego/core/http";
import { isTenantId } from "@prego/core/id";
import { ProblemError } from "@prego/core/problem";
import { TENANT_STATES } from "@prego/core/tenant-state";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { createDeps } from "../deps.ts";
import { showJob, showSubscription, showTenant } from "../domain/tenant-view.ts";
import type { Env } from "../env.ts";
import { findTenantRecord, listTenants } from "../store/tenant-read-models.ts";
import { NoQuery } from "./no-query.ts";

const TenantsQuery = z.strictObject({ status: z.enum(TENANT_STATES).optional(), ...PAGE_QUERY });

/** What operators read about tenants. */
export const internalTenantRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>()
    .get(
      "/internal/tenants",
      describeRoute({ summary: "Tenants in the order of their creation", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      validate("query", TenantsQuery),
      async (c) => {
        const { status, cursor, ...query } = c.req.valid("query");
        const limit = readLimit(query.limit);
        const filter = { list: "tenants", status };
        const [createdAt, tenantId] = (await readPosition(filter, cursor, 2)) ?? [];
        const after = createdAt === undefined || tenantId === undefined ? undefined : { createdAt, tenantId };
        const { db } = createDeps(c.env, c.get("runtime"));
        const rows = await listTenants(db, { status, after, limit: limit + 1 });
        const shown = rows.slice(0, limit);
        const last = rows.length > limit ? shown.at(-1) : undefined;
        const nextCursor = last === undefined ? null : await encodeCursor(filter, [last.createdAt, last.tenantId]);
        const tenants = shown.map((row) => showTenant(row, c.env.BASE_DOMAIN));
        return c.json({ tenants, next_cursor: nextCursor }, 200, { "cache-control": "no-store" });
      },
    )
    .get(
      "/internal/tenants/:tenant_id",
      describeRoute({ summary: "One tenant with its jobs and subscription", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      validate("query", NoQuery),
      async (c) => {
        const tenantId = c.req.param("tenant_id");
        if (!isTenantId(tenantId)) throw new ProblemError("not_found");
        const record = await findTenantRecord(createDeps(c.env, c.get("runtime")).db, tenantId);
        if (record === undefined) throw new ProblemError("not_found");
        const { tenant, jobs, subscription } = record;
        const answer = {
          tenant: showTenant(tenant, c.env.BASE_DOMAIN),
          provision_jobs: jobs.map((job) => showJob(job)),
          subscription: subscription === undefined ? null : showSubscription(subscription),
        };
        return c.json(answer, 200, { "cache-control": "no-store" });
      },
    );
