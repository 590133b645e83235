import { type AppEnv, createApp, healthHandler, type Runtime, serveOpenApi } from "@prego/core/http";
import type { Hono } from "hono";
import type { Env } from "./env.ts";
import { inspectHealth } from "./health.ts";
import { createChargeRoutes } from "./routes/charges.ts";
import { createCloseRoutes } from "./routes/close.ts";
import { createExplainRoutes } from "./routes/explain.ts";
import { createPreviewRoutes } from "./routes/preview.ts";

const WORKER = "cycle-close";

export function createWorker(runtime: Runtime): Hono<AppEnv<Env>> {
  const app = createApp<Env>(WORKER, runtime);
  app.get(
    "/health",
    healthHandler(WORKER, (env) => inspectHealth(env, runtime)),
  );
  app.route("/", createCloseRoutes());
  app.route("/", createPreviewRoutes());
  app.route("/", createChargeRoutes());
  app.route("/", createExplainRoutes());
  serveOpenApi(app, WORKER);
  return app;
}
