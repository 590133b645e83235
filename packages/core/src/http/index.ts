export { createRuntime, type AppEnv, type RequestVariables, type Runtime, type SharedBindings } from "./app-env.ts";
export { jsonBody, limitBody, requireContentType } from "./body.ts";
export { createApp } from "./create-app.ts";
export { healthHandler, missingSettings, type HealthReport } from "./health.ts";
export { answerJob, ManualTriggerQuery } from "./job-route.ts";
export { serveOpenApi } from "./openapi.ts";
export { operatorOnly } from "./operator.ts";
export { listRoutes, type RouteEntry } from "./route-table.ts";
export { validate } from "./validate.ts";
