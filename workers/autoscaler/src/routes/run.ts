import { answerJob, type AppEnv, ManualTriggerQuery, operatorOnly, validate } from "@prego/core/http";
import { Hono } from "hono";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { previewScaling } from "../run.ts";
import { startScaling } from "../start.ts";

export function runRoutes(): Hono<AppEnv<Env>> {
  const app = new Hono<AppEnv<Env>>();
  app.post("/run", operatorOnly<Env>(), validate("query", ManualTriggerQuery), async (c) => {
    const runtime = c.get("runtime");
    const dueAtMs = runtime.now();
    if (c.req.valid("query").dry_run === "1") {
      return c.json({ dry_run: true, report: await previewScaling(createDeps(c.env, runtime), dueAtMs) });
    }
    const actor = c.get("actor");
    return c.json(answerJob(await startScaling(c.env, runtime, { trigger: "operator", actor, dueAtMs })));
  });
  return app;
}
