import type { Hono } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import {
  answerJob,
  createApp,
  healthHandler,
  ManualTriggerQuery,
  operatorOnly,
  serveOpenApi,
  validate,
  type AppEnv,
  type Runtime,
} from "@prego/core/http";
import { ProblemError } from "@prego/core/problem";
import { createDeps } from "./deps.ts";
import { findMissingSettings, readSettings, type Env } from "./env.ts";
import { previewPurge } from "./preview.ts";
import { PurgeAnswer } from "./report.ts";
import { startPurgeJob } from "./start.ts";

const describePurge = describeRoute({
  summary: "Purge the tenants that are due now, or print the plan",
  security: [{ bearer: [] }],
  responses: {
    200: {
      description: "The report of the run, or the plan of a dry run",
      content: { "application/json": { schema: resolver(PurgeAnswer) } },
    },
    401: { description: "Credentials are missing or wrong" },
    409: { description: "A run is under way; `run_id` names it" },
    503: { description: "INTERNAL_API_KEY or PURGE_KEY is not set" },
  },
});

export function createWorker(runtime: Runtime): Hono<AppEnv<Env>> {
  const app = createApp<Env>("purge-job", runtime);

  app.get(
    "/health",
    healthHandler("purge-job", (env) => ({ missing: findMissingSettings(env) })),
  );

  app.post("/purge", describePurge, operatorOnly(), validate("query", ManualTriggerQuery), async (c) => {
    if (readSettings(c.env).purgeKey === undefined) {
      throw new ProblemError("not_configured", { detail: "PURGE_KEY is not set." });
    }
    const dueAtMs = runtime.now();
    if (c.req.valid("query").dry_run === "1") {
      return c.json({ run_id: null, report: await previewPurge(createDeps(c.env, runtime), dueAtMs) });
    }
    const outcome = await startPurgeJob(c.env, runtime, { trigger: "operator", dueAtMs, actor: c.get("actor") });
    return c.json(answerJob(outcome));
  });

  serveOpenApi(app, "purge-job");
  return app;
}
