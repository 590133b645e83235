import { jsonBody, validate, type AppEnv } from "@prego/core/http";
import { newTraceId } from "@prego/core/trace-id";
import { Hono } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import { z } from "zod";
import { canonicalHost, readBaseDomain } from "../base-domain.ts";
import { createFreeTenant } from "../create-tenant.ts";
import { createDeps } from "../deps.ts";
import { sendDueDispatches } from "../dispatch/send-due.ts";
import { readIdempotencyKey } from "../domain/idempotency.ts";
import { SignupForm } from "../domain/onboarding.ts";
import type { Env } from "../env.ts";
import { SIGNUP_REFILL_MS, SIGNUPS_BURST_MAX } from "../intake-limits.ts";
import { limitClients } from "./client-limit.ts";
import { findFunnelKey } from "./funnel-auth.ts";
import { NoQuery } from "./no-query.ts";

const CreatedTenant = z.strictObject({
  tenant_id: z.string(),
  slug: z.string(),
  host: z.string(),
  status: z.literal("Provisioning"),
  trace_id: z.string(),
  job_id: z.string(),
});

/** `POST /v1/tenants`: a tenant on a free plan. */
export const tenantRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>().post(
    "/v1/tenants",
    describeRoute({
      summary: "Create a tenant on a free plan",
      parameters: [{ name: "idempotency-key", in: "header", schema: { type: "string", maxLength: 255 } }],
      responses: {
        201: {
          description: "Created, or created before with the same key",
          content: { "application/json": { schema: resolver(CreatedTenant) } },
        },
      },
    }),
    limitClients({ burst: SIGNUPS_BURST_MAX, refillMs: SIGNUP_REFILL_MS }),
    ...jsonBody(),
    validate("query", NoQuery),
    validate("json", SignupForm),
    async (c) => {
      const runtime = c.get("runtime");
      const deps = createDeps(c.env, runtime);
      const baseDomain = readBaseDomain(c.env);
      const { tenant, jobId, isRepeated } = await createFreeTenant(deps, {
        form: c.req.valid("json"),
        traceId: c.get("traceId") ?? newTraceId(deps.now(), deps.randomBytes(10)),
        idempotencyKey: readIdempotencyKey(c.req.header("idempotency-key")),
        funnelKey: findFunnelKey(c.env),
      });
      if (!isRepeated) c.executionCtx.waitUntil(sendDueDispatches(deps, deps.now()));
      const created = {
        tenant_id: tenant.tenantId,
        slug: c.req.valid("json").slug,
        host: canonicalHost(tenant.shortId, baseDomain),
        status: "Provisioning",
        trace_id: tenant.traceId,
        job_id: jobId,
      };
      return c.json(created, 201, { "cache-control": "no-store" });
    },
  );
