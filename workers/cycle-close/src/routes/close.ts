import { answerJob, type AppEnv, ManualTriggerQuery, operatorOnly, validate } from "@prego/core/http";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import type { Env } from "../env.ts";
import { printClose, startClose } from "../start.ts";

const documentation = describeRoute({
  summary: "Close every cycle that is due and send what is owed, or print what that would do",
  security: [{ bearer: [] }],
  responses: {
    200: { description: "The report of the run, or the plan of a dry run" },
    401: { description: "Credentials are missing or wrong" },
    409: { description: "A run is under way; `run_id` names it" },
    503: { description: "Operator authentication is not configured" },
  },
});

export function createCloseRoutes(): Hono<AppEnv<Env>> {
  const app = new Hono<AppEnv<Env>>();
  app.post("/cycle-close", documentation, operatorOnly<Env>(), validate("query", ManualTriggerQuery), async (c) => {
    const runtime = c.get("runtime");
    if (c.req.valid("query").dry_run === "1") return c.json({ run_id: null, report: await printClose(c.env, runtime) });
    const request = { trigger: "operator", dueAtMs: runtime.now(), actor: c.get("actor") } as const;
    return c.json(answerJob(await startClose(c.env, runtime, request)));
  });
  return app;
}
