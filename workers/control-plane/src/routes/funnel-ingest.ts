import { jsonBody, validate, type AppEnv } from "@prego/core/http";
import { Hono } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import { z } from "zod";
import { createDeps } from "../deps.ts";
import { FunnelBatch, FunnelEventForm } from "../domain/funnel-event.ts";
import type { Env } from "../env.ts";
import { ingestFunnelEvents } from "../ingest-funnel-events.ts";
import { refuseStrangers, requireFunnelKey, verifySignature } from "./funnel-auth.ts";
import { NoQuery } from "./no-query.ts";

const FunnelReceipt = z.strictObject({
  accepted: z.int(),
  duplicates: z.int(),
  rejected: z.int(),
  errors: z.array(z.strictObject({ pointer: z.string(), message: z.string() })),
});

const ingestOperation = describeRoute({
  summary: "Report funnel events, one or up to 100",
  security: [{ bearer: [] }],
  parameters: [
    { name: "x-funnel-timestamp", in: "header", schema: { type: "string" }, description: "epoch seconds" },
    {
      name: "x-funnel-signature",
      in: "header",
      schema: { type: "string" },
      description: "instead of a bearer: hex HMAC-SHA-256 of `<timestamp>.<body>`",
    },
  ],
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: z.toJSONSchema(z.union([FunnelEventForm, FunnelBatch]), { io: "input" }) as object,
      },
    },
  },
  responses: {
    202: { description: "Stored", content: { "application/json": { schema: resolver(FunnelReceipt) } } },
  },
});

/** `POST /internal/funnel-events/ingest`: one event or several, from senders that hold the funnel secret. */
export const funnelIngestRoutes = (): Hono<AppEnv<Env>> =>
  new Hono<AppEnv<Env>>().post(
    "/internal/funnel-events/ingest",
    refuseStrangers,
    ...jsonBody(),
    verifySignature,
    validate("query", NoQuery),
    validate("json", z.looseObject({})),
    ingestOperation,
    async (c) => {
      const request = { body: c.req.valid("json"), traceId: c.get("traceId"), key: requireFunnelKey(c.env) };
      const receipt = await ingestFunnelEvents(createDeps(c.env, c.get("runtime")), request);
      return c.json(receipt, 202, { "cache-control": "no-store" });
    },
  );
