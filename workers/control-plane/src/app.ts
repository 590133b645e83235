import type { Hono } from "hono";
import { createApp, healthHandler, serveOpenApi, type AppEnv, type Runtime } from "@prego/core/http";
import type { Env } from "./env.ts";
import { inspectHealth } from "./health.ts";
import { auditRoutes } from "./routes/audit.ts";
import { checkoutRoutes } from "./routes/checkout.ts";
import { funnelRoutes } from "./routes/funnel-events.ts";
import { funnelIngestRoutes } from "./routes/funnel-ingest.ts";
import { internalTenantRoutes } from "./routes/internal-tenants.ts";
import { internalUsageRoutes } from "./routes/internal-usage.ts";
import { nodeRoutes } from "./routes/nodes.ts";
import { provisionRoutes } from "./routes/provision.ts";
import { stripeWebhookRoutes } from "./routes/stripe-webhook.ts";
import { subdomainRoutes } from "./routes/subdomain.ts";
import { tenantRoutes } from "./routes/tenants.ts";
import { traceRoutes } from "./routes/trace.ts";

export function createWorker(runtime: Runtime): Hono<AppEnv<Env>> {
  const app = createApp<Env>("control-plane", runtime);
  app.get("/health", healthHandler("control-plane", inspectHealth));
  app.route("/", stripeWebhookRoutes);
  app.route("/", provisionRoutes);
  app.route("/", nodeRoutes);
  app.route("/", traceRoutes);
  app.route("/", auditRoutes);
  app.route("/", subdomainRoutes());
  app.route("/", tenantRoutes());
  app.route("/", checkoutRoutes());
  app.route("/", internalTenantRoutes());
  app.route("/", internalUsageRoutes());
  app.route("/", funnelRoutes());
  app.route("/", funnelIngestRoutes());
  serveOpenApi(app, "control-plane");
  return app;
}
