import { jsonBody, validate, type AppEnv } from "@prego/core/http";
import { ProblemError } from "@prego/core/problem";
import { newTraceId } from "@prego/core/trace-id";
import { Hono } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import { z } from "zod";
import { readBaseDomain } from "../base-domain.ts";
import { createCheckout } from "../create-checkout.ts";
import { createDeps, type Deps } from "../deps.ts";
import { CheckoutForm, isReturnUrl } from "../domain/checkout-form.ts";
import { readIdempotencyKey, traceIdOfKey } from "../domain/idempotency.ts";
import type { Env } from "../env.ts";
import { SIGNUP_REFILL_MS, SIGNUPS_BURST_MAX } from "../intake-limits.ts";
import { limitClients } from "./client-limit.ts";
import { findFunnelKey } from "./funnel-auth.ts";
import { NoQuery } from "./no-query.ts";

const CreatedCheckout = z.strictObject({ url: z.string(), session_id: z.string(), trace_id: z.string() });

/** `POST /v1/checkout`: a session of Stripe's checkout for a paid plan. */
export const checkoutRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>().post(
    "/v1/checkout",
    describeRoute({
      summary: "Start the checkout of a paid plan",
      parameters: [{ name: "idempotency-key", in: "header", schema: { type: "string", maxLength: 255 } }],
      responses: {
        201: {
          description: "Where to pay",
          content: { "application/json": { schema: resolver(CreatedCheckout) } },
        },
      },
    }),
    limitClients({ burst: SIGNUPS_BURST_MAX, refillMs: SIGNUP_REFILL_MS }),
    ...jsonBody(),
    validate("query", NoQuery),
    validate("json", CheckoutForm),
    async (c) => {
      const deps = createDeps(c.env, c.get("runtime"));
      const form = c.req.valid("json");
      const baseDomain = readBaseDomain(c.env);
      requireReturnUrls(form, baseDomain);
      const idempotencyKey = readIdempotencyKey(c.req.header("idempotency-key"));
      const traceId = c.get("traceId") ?? (await makeTraceId(deps, idempotencyKey));
      const { url, sessionId } = await createCheckout(deps, {
        form,
        successUrl: form.success_url ?? `https://${baseDomain}/welcome`,
        traceId,
        idempotencyKey,
        funnelKey: findFunnelKey(c.env),
      });
      return c.json({ url, session_id: sessionId, trace_id: traceId }, 201, { "cache-control": "no-store" });
    },
  );

const makeTraceId = async (deps: Deps, key: string | undefined): Promise<string> =>
  key === undefined ? newTraceId(deps.now(), deps.randomBytes(10)) : traceIdOfKey(key);

function requireReturnUrls(form: CheckoutForm, baseDomain: string): void {
  const errors = (["success_url", "cancel_url"] as const)
    .filter((member) => form[member] !== undefined && !isReturnUrl(form[member], baseDomain))
    .map((member) => ({ pointer: `/${member}`, message: "Expected an https address on the base domain" }));
  if (errors.length > 0) throw new ProblemError("validation_failed", { errors });
}
