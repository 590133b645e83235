import { type AppEnv, operatorOnly, validate } from "@prego/core/http";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { createDeps } from "../deps.ts";
import type { Env } from "../env.ts";
import { previewTenant } from "../preview.ts";
import { PreviewQuery } from "./cycle-query.ts";

const documentation = describeRoute({
  summary: "The lines of a tenant's cycle: what was closed, or what a close would write now",
  security: [{ bearer: [] }],
  responses: {
    200: { description: "The lines, the charges and their sums" },
    404: { description: "No such tenant, or a cycle that has not begun" },
    409: { description: "The cycle cannot be priced as things are; `detail` says why" },
  },
});

export function createPreviewRoutes(): Hono<AppEnv<Env>> {
  const app = new Hono<AppEnv<Env>>();
  app.get("/cycle-close/preview", documentation, operatorOnly<Env>(), validate("query", PreviewQuery), async (c) => {
    const { tenant_id: tenantId, cycle } = c.req.valid("query");
    return c.json(await previewTenant(createDeps(c.env, c.get("runtime")), tenantId, cycle));
  });
  return app;
}
