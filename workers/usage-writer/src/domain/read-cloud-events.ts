import { ProblemError } from "@prego/core/problem";
import { type CloudEventContext, cloudEventFromHeaders, parseCloudEvent, QUANTITY_KEYS } from "@prego/core/usage-event";
import { parseBody, type ReadRequest, requireEventCount } from "./read-usage.ts";

/** How a request carries its CloudEvents; undefined for a content type that none of them has. */
export type CloudEventMode = "binary" | "structured" | "batch" | "either";

/** Reads the mode from the headers: CloudEvents HTTP binding 1.0.2, section 3. */
export function findCloudEventMode(headers: Headers): CloudEventMode | undefined {
  const type = headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  switch (type) {
    case "application/cloudevents+json":
      return "structured";
    case "application/cloudevents-batch+json":
      return "batch";
    default:
      if (headers.has("ce-specversion")) return "binary";
      return type === "application/json" ? "either" : undefined;
  }
}

/** Reads the CloudEvents of a request. */
export function readCloudEvents(
  mode: CloudEventMode,
  headers: Headers,
  body: Uint8Array,
  context: CloudEventContext,
): ReadRequest {
  const exactKeys = new Set([...QUANTITY_KEYS, ...(context.valueProperties?.values() ?? [])]);
  if (mode === "binary") {
    const event = cloudEventFromHeaders(headers, "");
    if (body.length > 0) event["data"] = parseBody(body, exactKeys);
    return { events: [parseCloudEvent(event, context)], single: true };
  }
  const value = parseBody(body, exactKeys);
  if (!Array.isArray(value)) {
    if (mode === "batch") throw new ProblemError("validation_failed", { detail: "A batch is an array of events." });
    return { events: [parseCloudEvent(value, context)], single: true };
  }
  if (mode === "structured") throw new ProblemError("validation_failed", { detail: "One event is expected." });
  requireEventCount(value.length);
  return { events: value.map((item: unknown) => parseCloudEvent(item, context)), single: false };
}
