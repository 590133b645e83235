import { jsonBody, operatorOnly, validate, type AppEnv } from "@prego/core/http";
import { isTenantId } from "@prego/core/id";
import { ProblemError } from "@prego/core/problem";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { setLegalHold } from "../set-legal-hold.ts";
import { NoQuery } from "./no-query.ts";

const LegalHoldBody = z.strictObject({ hold: z.boolean(), reason: z.string().trim().min(1).max(500) });

/** `POST /internal/tenants/:tenant_id/legal-hold`: keeps a tenant from being purged, or lets it be purged again. */
export const legalHoldRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>().post(
    "/internal/tenants/:tenant_id/legal-hold",
    describeRoute({ summary: "Sets or lifts a tenant's legal hold", security: [{ bearer: [] }] }),
    operatorOnly<Env>(),
    ...jsonBody(),
    validate("query", NoQuery),
    validate("json", LegalHoldBody),
    async (c) => {
      const tenantId = c.req.param("tenant_id");
      if (!isTenantId(tenantId)) throw new ProblemError("not_found");
      const { hold, reason } = c.req.valid("json");
      const by = { actor: c.get("actor"), traceId: c.get("traceId") };
      await setLegalHold(createDeps(c.env, c.get("runtime")), { tenantId, hold, reason }, by);
      return c.json({ tenant_id: tenantId, legal_hold: hold }, 200, { "cache-control": "no-store" });
    },
  );
