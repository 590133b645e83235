import { USAGE_EVENTS_PER_REQUEST_MAX } from "@prego/core/limits";
import { type DescribeRouteOptions, resolver } from "hono-openapi";
import { z } from "zod";

// For the document alone: core's parser decides, because a schema sees numbers that JSON.parse has rounded already.
const UsageEventForm = z.strictObject({
  tenant_id: z.string().max(64),
  meter_key: z.string().max(64).optional().describe("default api_requests"),
  qty: z
    .union([z.number(), z.string()])
    .optional()
    .describe("default 1; a decimal of up to 12 integer and 6 fraction digits, kept exactly as written"),
  id: z.string().max(256).optional().describe("unique in (tenant_id, source); a repeated event counts once"),
  source: z.string().max(256).optional(),
  timestamp: z.iso.datetime({ offset: true }).optional().describe("default now; 35 days back to 5 minutes ahead"),
  path: z.string().max(512).optional(),
  status: z.int().min(100).max(599).optional(),
  correction: z.boolean().optional().describe("allows a negative qty"),
  trace_id: z.string().max(128).optional(),
  value: z.string().max(256).optional().describe("what a meter that counts distinct values counts; required there"),
});

const EventResult = z.object({
  status: z.enum(["accepted", "duplicate", "conflict", "rejected"]),
  id: z.string().optional(),
  reason: z.string().optional(),
  pointer: z.string().optional(),
});

const UsageAnswer = z.object({
  accepted: z.int(),
  duplicates: z.int(),
  conflicts: z.int(),
  rejected: z.int(),
  results: z.array(EventResult).describe("in the order of the input"),
});

const CloudEventForm = z.looseObject({
  specversion: z.literal("1.0"),
  id: z.string(),
  source: z.string(),
  type: z.string().describe("the meter"),
  subject: z.string().describe("the tenant"),
  time: z.iso.datetime({ offset: true }).optional(),
  data: z.looseObject({ value: z.union([z.number(), z.string()]).optional() }).optional(),
});

const problem = (description: string) => ({ description, content: { "application/problem+json": {} } });

const PROBLEMS = {
  400: problem("Malformed, or no event was accepted; `results` has the fate of each"),
  401: problem("Credentials are missing or wrong"),
  404: problem("A single event of an unknown tenant"),
  410: problem("A single event of a deleted tenant"),
  413: problem("Too many bytes or events"),
  415: problem("Another content type"),
  503: problem("Not stored; try again after `Retry-After`"),
};

/** The document's part on `POST /usage`. */
export const usageOperation: DescribeRouteOptions = {
  summary: "Report usage",
  security: [{ bearer: [] }],
  parameters: [
    { name: "idempotency-key", in: "header", schema: { type: "string", maxLength: 255 } },
    { name: "x-trace-id", in: "header", schema: { type: "string", maxLength: 128 } },
  ],
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: resolver(z.union([UsageEventForm, z.array(UsageEventForm).min(1).max(USAGE_EVENTS_PER_REQUEST_MAX)])),
      },
      "application/x-ndjson": { schema: { type: "string" } },
    },
  },
  responses: {
    202: { description: "Stored", content: { "application/json": { schema: resolver(UsageAnswer) } } },
    ...PROBLEMS,
    422: problem("The Idempotency-Key was used for another body"),
  },
};

/** The document's part on `POST /api/v1/events`. */
export const cloudEventsOperation: DescribeRouteOptions = {
  summary: "Report usage as CloudEvents 1.0",
  security: [{ bearer: [] }],
  requestBody: {
    required: true,
    content: {
      "application/cloudevents+json": { schema: resolver(CloudEventForm) },
      "application/cloudevents-batch+json": { schema: resolver(z.array(CloudEventForm)) },
      "application/json": { schema: resolver(z.union([CloudEventForm, z.array(CloudEventForm)])) },
    },
  },
  responses: { 204: { description: "Every event is stored, or was before" }, ...PROBLEMS },
};
