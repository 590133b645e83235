import { type AppEnv, limitBody, requireContentType } from "@prego/core/http";
import { USAGE_BODY_BYTES_MAX } from "@prego/core/limits";
import { ProblemError } from "@prego/core/problem";
import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import type { IngestDeps } from "../deps.ts";
import { readUsageJson, readUsageLines } from "../domain/read-usage.ts";
import type { Env } from "../env.ts";
import { ingest } from "../ingest.ts";
import { toUsageAnswer } from "./answer.ts";
import { usageOperation } from "./openapi.ts";
import { senderOnly } from "./sender.ts";

const NDJSON = "application/x-ndjson";
const IDEMPOTENCY_KEY_PATTERN = /^[\x20-\x7e]{1,255}$/;

/** `POST /usage`: one event, an array of them, or NDJSON. */
export function usageRoutes(createDeps: (env: Env) => IngestDeps): Hono<AppEnv<Env>> {
  return new Hono<AppEnv<Env>>().post(
    "/usage",
    describeRoute(usageOperation),
    senderOnly(),
    requireContentType("application/json", NDJSON),
    limitBody(USAGE_BODY_BYTES_MAX),
    async (c) => {
      const { headers } = c.req.raw;
      const key = readIdempotencyKey(headers.get("idempotency-key"));
      const isLines = headers.get("content-type")?.trim().toLowerCase().startsWith(NDJSON) === true;
      const body = new Uint8Array(await c.req.raw.arrayBuffer());
      const nowMs = c.get("runtime").now();
      const traceId = c.get("traceId");
      const deps = createDeps(c.env);
      const { uniqueMeters } = await deps.findMeterRules(nowMs);
      const context = { nowMs, uniqueMeters, ...(traceId === null ? {} : { traceId }) };
      const { events, single } = isLines ? readUsageLines(body, context) : readUsageJson(body, context);
      const idempotency = key === undefined ? undefined : { key, body };
      const report = await ingest(deps, { events, nowMs, idempotency });
      return Response.json(toUsageAnswer(report, single), { status: 202, headers: { "cache-control": "no-store" } });
    },
  );
}

function readIdempotencyKey(header: string | null): string | undefined {
  if (header === null) return undefined;
  if (IDEMPOTENCY_KEY_PATTERN.test(header)) return header;
  throw new ProblemError("validation_failed", { detail: "Idempotency-Key takes 1 to 255 printable ASCII characters." });
}
