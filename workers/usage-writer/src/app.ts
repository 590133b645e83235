import { type AppEnv, createApp, healthHandler, missingSettings, type Runtime, serveOpenApi } from "@prego/core/http";
import type { Hono } from "hono";
import { createIngestFactory } from "./deps.ts";
import { type Env, REQUIRED } from "./env.ts";
import { cloudEventRoutes } from "./routes/cloud-events.ts";
import { isIngestOpen } from "./routes/sender.ts";
import { usageRoutes } from "./routes/usage.ts";

const WORKER = "usage-writer";

/** The HTTP side of usage-writer. */
export function createWorker(runtime: Runtime): Hono<AppEnv<Env>> {
  const app = createApp<Env>(WORKER, runtime);
  const createDeps = createIngestFactory();
  app.get(
    "/health",
    healthHandler<Env>(WORKER, (env) => ({
      missing: missingSettings(env, REQUIRED),
      notes: isIngestOpen(env) ? ["ingest is open: USE_WRITER_SECRET is not set"] : [],
    })),
  );
  app.route("/", usageRoutes(createDeps));
  app.route("/", cloudEventRoutes(createDeps));
  serveOpenApi(app, WORKER);
  return app;
}
