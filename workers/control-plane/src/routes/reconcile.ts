import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { answerJob, ManualTriggerQuery, operatorOnly, validate, type AppEnv } from "@prego/core/http";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { planReconcileRun, startReconcile } from "../reconcile/start.ts";

export const reconcileRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>().post(
    "/internal/reconcile",
    describeRoute({
      summary: "Replays undelivered events and brings subscriptions to Stripe's state, or prints what it would do",
      security: [{ bearer: [] }],
      responses: {
        200: { description: "The report of the run, or the plan of a dry run" },
        401: { description: "Credentials are missing or wrong" },
        409: { description: "A run is under way; `run_id` names it" },
        503: { description: "INTERNAL_API_KEY or STRIPE_SECRET_KEY is not set" },
      },
    }),
    operatorOnly<Env>(),
    validate("query", ManualTriggerQuery),
    async (c) => {
      const deps = createDeps(c.env, c.get("runtime"));
      const dueAtMs = deps.now();
      if (c.req.valid("query").dry_run === "1") {
        return c.json({ run_id: null, report: await planReconcileRun(deps, dueAtMs) });
      }
      const outcome = await startReconcile(deps, { trigger: "operator", actor: c.get("actor"), dueAtMs });
      return c.json(answerJob(outcome));
    },
  );
