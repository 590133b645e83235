import type { ReceivedCall } from "./received-call.ts";

/** What two calls must not share while both run, or undefined for every other endpoint. */
export function nameMeterLock(call: ReceivedCall): string | undefined {
  if (call.method !== "POST" || call.path !== "/v1/billing/meter_events") return undefined;
  const payload = call.params.object("payload");
  return JSON.stringify([call.params.raw("event_name"), payload?.raw("stripe_customer_id")]);
}
