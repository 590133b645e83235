import { type AppEnv, limitBody } from "@prego/core/http";
import { USAGE_BODY_BYTES_MAX } from "@prego/core/limits";
import { ProblemError } from "@prego/core/problem";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import type { IngestDeps } from "../deps.ts";
import { findCloudEventMode, readCloudEvents } from "../domain/read-cloud-events.ts";
import type { Env } from "../env.ts";
import { ingest } from "../ingest.ts";
import { requireAllCounted } from "./answer.ts";
import { cloudEventsOperation } from "./openapi.ts";
import { senderOnly } from "./sender.ts";

/** `POST /api/v1/events`: CloudEvents 1.0, structured, batch and binary, as OpenMeter's clients send them. */
export function cloudEventRoutes(createDeps: (env: Env) => IngestDeps): Hono<AppEnv<Env>> {
  return new Hono<AppEnv<Env>>().post(
    "/api/v1/events",
    describeRoute(cloudEventsOperation),
    senderOnly(),
    limitBody(USAGE_BODY_BYTES_MAX),
    async (c) => {
      const { headers } = c.req.raw;
      const mode = findCloudEventMode(headers);
      if (mode === undefined) {
        throw new ProblemError("unsupported_media_type", { detail: "CloudEvents in JSON are expected." });
      }
      const deps = createDeps(c.env);
      const body = new Uint8Array(await c.req.arrayBuffer());
      const nowMs = c.get("runtime").now();
      const traceId = c.get("traceId");
      const context = { nowMs, ...(await deps.findMeterRules(nowMs)), ...(traceId === null ? {} : { traceId }) };
      const { events, single } = readCloudEvents(mode, headers, body, context);
      requireAllCounted(await ingest(deps, { events, nowMs }), single);
      return c.body(null, 204, { "cache-control": "no-store" });
    },
  );
}
