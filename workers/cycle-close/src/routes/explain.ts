import { type AppEnv, operatorOnly, validate } from "@prego/core/http";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { explainLine } from "../explain.ts";
import { ExplainQuery } from "./cycle-query.ts";

const documentation = describeRoute({
  summary: "What is behind a total: plan, rollups, raw objects with their hashes, and on request their recomputation",
  security: [{ bearer: [] }],
  responses: {
    200: { description: "Lines, hours, objects, late usage, and the comparison if asked for" },
    404: { description: "No such tenant, cycle or line" },
  },
});

export function createExplainRoutes(): Hono<AppEnv<Env>> {
  const app = new Hono<AppEnv<Env>>();
  app.get("/cycle-close/explain", documentation, operatorOnly<Env>(), validate("query", ExplainQuery), async (c) => {
    const { tenant_id: tenantId, meter_key: meterKey, cycle, recompute } = c.req.valid("query");
    const deps = createDeps(c.env, c.get("runtime"));
    return c.json(await explainLine(deps, { tenantId, meterKey, cycle }, recompute === "1"));
  });
  return app;
}
