import { validate, type AppEnv } from "@prego/core/http";
import { Hono } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import { z } from "zod";
import { createDeps } from "../deps.ts";
import { toFunnelRow } from "../domain/funnel-event.ts";
import { judgeSlug, Slug, SlugVerdict } from "../domain/slug-check.ts";
import type { Env } from "../env.ts";
import { SLUG_CHECK_REFILL_MS, SLUG_CHECKS_BURST_MAX } from "../intake-limits.ts";
import { insertFunnelEvents } from "../store/funnel-events.ts";
import { isSlugTaken } from "../store/onboarding.ts";
import { limitClients } from "./client-limit.ts";

/** `GET /v1/subdomain/check`: whether a name can be had. With a trace id the check becomes a step of the funnel. */
export const subdomainRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>().get(
    "/v1/subdomain/check",
    describeRoute({
      summary: "Whether a name can be had",
      responses: {
        200: { description: "The verdict", content: { "application/json": { schema: resolver(SlugVerdict) } } },
      },
    }),
    limitClients({ burst: SLUG_CHECKS_BURST_MAX, refillMs: SLUG_CHECK_REFILL_MS }),
    validate("query", z.strictObject({ slug: Slug })),
    async (c) => {
      const { slug } = c.req.valid("query");
      const { db, now } = createDeps(c.env, c.get("runtime"));
      const verdict = judgeSlug(slug, await isSlugTaken(db, slug));
      const traceId = c.get("traceId");
      if (traceId !== null) {
        const event = { event_type: "m_onboarding_subdomain_check", source: "cp", trace_id: traceId } as const;
        const fact = { ...event, success: verdict.available, payload: { slug, reason: verdict.reason } };
        await insertFunnelEvents(db, [await toFunnelRow(fact, { key: undefined, nowMs: now() })]);
      }
      return c.json(verdict, 200, { "cache-control": "no-store" });
    },
  );
