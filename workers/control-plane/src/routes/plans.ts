import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { z } from "zod";
import { encodeCursor } from "@prego/core/cursor";
import { jsonBody, operatorOnly, PAGE_QUERY, readLimit, readPosition, validate, type AppEnv } from "@prego/core/http";
import { PAGE_ROWS_MAX } from "@prego/core/limits";
import { parseInstant } from "@prego/core/period";
import { ProblemError } from "@prego/core/problem";
import { formatQuantity, parseQuantity } from "@prego/core/quantity";
import { createDeps } from "../deps.ts";
import type { PlanTerms, PlanVersion } from "../domain/plan-version.ts";
import type { Env } from "../env.ts";
import { savePlan } from "../save-plan.ts";
import { listPlanVersions, listVersionsOf } from "../store/plans.ts";
import { NoQuery } from "./no-query.ts";
import { PlanBody } from "./plan-body.ts";

const NO_STORE = { "cache-control": "no-store" };
const PlansQuery = z.strictObject(PAGE_QUERY);
const FILTER = { list: "plans" };

/** Price lists: read, and superseded by new versions. */
export const planRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>()
    .get(
      "/internal/plans",
      describeRoute({ summary: "All versions of all plans with their meters", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      validate("query", PlansQuery),
      async (c) => {
        const query = c.req.valid("query");
        const limit = readLimit(query.limit);
        const [planId, version] = (await readPosition(FILTER, query.cursor, 2)) ?? [];
        const after = planId === undefined ? undefined : { planId, version: Number(version) };
        const rows = await listPlanVersions(createDeps(c.env, c.get("runtime")).db, { after, limit: limit + 1 });
        const shown = rows.slice(0, limit);
        const last = rows.length > limit ? shown.at(-1) : undefined;
        const nextCursor = last === undefined ? null : await encodeCursor(FILTER, [last.planId, String(last.version)]);
        return c.json({ plans: shown.map((row) => showPlan(row)), next_cursor: nextCursor }, 200, NO_STORE);
      },
    )
    .get(
      "/internal/plans/:plan_id",
      describeRoute({ summary: "The versions of one plan, newest first", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      validate("query", NoQuery),
      async (c) => {
        const { db } = createDeps(c.env, c.get("runtime"));
        const versions = await listVersionsOf(db, c.req.param("plan_id"), PAGE_ROWS_MAX);
        if (versions.length === 0) throw new ProblemError("not_found");
        return c.json({ plan_id: versions[0]?.planId, versions: versions.map((row) => showPlan(row)) }, 200, NO_STORE);
      },
    )
    .post(
      "/internal/plans",
      describeRoute({ summary: "Makes a plan, or its next version", security: [{ bearer: [] }] }),
      operatorOnly<Env>(),
      ...jsonBody(),
      validate("query", NoQuery),
      validate("json", PlanBody),
      async (c) => {
        const body = c.req.valid("json");
        const effectiveFromMs = body.effective_from === undefined ? undefined : parseInstant(body.effective_from);
        const by = { actor: c.get("actor"), traceId: c.get("traceId") };
        const wish = { terms: readTerms(body), effectiveFromMs };
        const { value, isNew } = await savePlan(createDeps(c.env, c.get("runtime")), wish, by);
        return c.json({ plan: showPlan(value) }, isNew ? 201 : 200, NO_STORE);
      },
    );

/** The schema has let only exact decimals through. */
const readMicros = (text: string): bigint => parseQuantity(text) ?? 0n;

const readTerms = (body: PlanBody): PlanTerms => ({
  planId: body.plan_id,
  name: body.name,
  currency: body.currency,
  billingMode: body.billing_mode,
  stripePriceId: body.stripe_price_id,
  poolIncluded: body.pool_included === null ? null : readMicros(body.pool_included),
  meters: body.meters.map((meter) => ({
    meterKey: meter.meter_key,
    included: readMicros(meter.included),
    price: meter.price,
    poolWeight: meter.pool_weight,
    stripeEventName: meter.stripe_event_name,
    stripePriceId: meter.stripe_price_id,
  })),
});

const showPlan = (plan: PlanVersion) => ({
  plan_id: plan.planId,
  version: plan.version,
  name: plan.name,
  currency: plan.currency,
  billing_mode: plan.billingMode,
  stripe_price_id: plan.stripePriceId,
  pool_included: plan.poolIncluded === null ? null : formatQuantity(plan.poolIncluded),
  effective_from: plan.effectiveFrom,
  created_at: plan.createdAt,
  meters: plan.meters.map((meter) => ({
    meter_key: meter.meterKey,
    included: formatQuantity(meter.included),
    price: meter.price,
    pool_weight: meter.poolWeight,
    stripe_event_name: meter.stripeEventName,
    stripe_price_id: meter.stripePriceId,
  })),
});
