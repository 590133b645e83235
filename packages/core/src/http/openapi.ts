import type { Hono } from "hono";
import { openAPIRouteHandler } from "hono-openapi";
import type { AppEnv, SharedBindings } from "./app-env.ts";

/** Serves `GET /openapi.json` (OpenAPI 3.1), generated from the schemas that validate. Call it after the routes. */
export function serveOpenApi<B extends SharedBindings>(app: Hono<AppEnv<B>>, worker: string): void {
  app.get(
    "/openapi.json",
    openAPIRouteHandler(app, {
      documentation: {
        openapi: "3.1.0",
        info: { title: `Prego ${worker}`, version: "1" },
        components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
      },
    }),
  );
}
