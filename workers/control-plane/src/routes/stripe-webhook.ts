import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { limitBody, type AppEnv } from "@prego/core/http";
import { WEBHOOK_BODY_BYTES_MAX } from "@prego/core/limits";
import { describeError } from "@prego/core/log";
import { createDeps, type Deps } from "../deps.ts";
import { sendDueDispatches } from "../dispatch/send-due.ts";
import type { Env } from "../env.ts";
import { receiveStripeWebhook } from "../receive-stripe-event.ts";

/** After the answer; what fails here is sent by the cron. */
const dispatchSoon = (deps: Deps): Promise<void> =>
  sendDueDispatches(deps, deps.now()).then(
    () => undefined,
    (error: unknown) => deps.log("warn", "dispatch.postponed", { error: describeError(error) }),
  );

export const stripeWebhookRoutes = new Hono<AppEnv<Env>>().post(
  "/webhooks/stripe",
  describeRoute({ summary: "Receives Stripe's signed events, snapshot and thin" }),
  limitBody(WEBHOOK_BODY_BYTES_MAX),
  async (c) => {
    const deps = createDeps(c.env, c.get("runtime"));
    const rawBody = new Uint8Array(await c.req.arrayBuffer());
    const receipt = await receiveStripeWebhook(deps, { rawBody, header: c.req.header("stripe-signature") ?? null });
    if (receipt.hasDispatch) c.executionCtx.waitUntil(dispatchSoon(deps));
    return c.json(receipt.isDuplicate ? { received: true, duplicate: true } : { received: true });
  },
);
