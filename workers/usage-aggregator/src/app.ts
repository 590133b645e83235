import { type AppEnv, createApp, healthHandler, type Runtime, serveOpenApi } from "@prego/core/http";
import type { Hono } from "hono";
import type { Env } from "./env.ts";
import { inspectHealth } from "./health.ts";
import { aggregateRoutes } from "./routes/aggregate.ts";

export function createWorker(runtime: Runtime): Hono<AppEnv<Env>> {
  const app = createApp<Env>("usage-aggregator", runtime);
  app.get(
    "/health",
    healthHandler<Env>("usage-aggregator", (env) => inspectHealth(env, runtime)),
  );
  app.route("/", aggregateRoutes());
  serveOpenApi(app, "usage-aggregator");
  return app;
}
