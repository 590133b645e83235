import { answerJob, type AppEnv, ManualTriggerQuery, operatorOnly, validate } from "@prego/core/http";
import { Hono } from "hono";
import { createDeps } from "../deps.ts";
import { previewAggregation } from "../dry-run.ts";
import type { Env } from "../env.ts";
import { startAggregation } from "../start.ts";

export function aggregateRoutes(): Hono<AppEnv<Env>> {
  const app = new Hono<AppEnv<Env>>();
  app.post("/aggregate", operatorOnly<Env>(), validate("query", ManualTriggerQuery), async (c) => {
    const runtime = c.get("runtime");
    const dueAtMs = runtime.now();
    if (c.req.valid("query").dry_run === "1") {
      return c.json({ dry_run: true, plan: await previewAggregation(createDeps(c.env, runtime), dueAtMs) });
    }
    const actor = c.get("actor");
    return c.json(answerJob(await startAggregation(c.env, runtime, { trigger: "operator", actor, dueAtMs })));
  });
  return app;
}
