import { type AppEnv, createApp, healthHandler, missingSettings, type Runtime, serveOpenApi } from "@prego/core/http";
import type { Hono } from "hono";
import { type Env, REQUIRED } from "./env.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { runRoutes } from "./routes/run.ts";

export function createWorker(runtime: Runtime): Hono<AppEnv<Env>> {
  const app = createApp<Env>("autoscaler", runtime);
  app.get(
    "/health",
    healthHandler<Env>("autoscaler", (env) => ({ missing: missingSettings(env, REQUIRED) })),
  );
  app.route("/", metricsRoutes());
  app.route("/", runRoutes());
  serveOpenApi(app, "autoscaler");
  return app;
}
