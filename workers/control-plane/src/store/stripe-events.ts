import { sql, type SQL } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import type { Statement } from "@prego/core/store";
import type { StripeEnvelope } from "@prego/core/stripe";
import type { StripeOutcome } from "../domain/stripe-state.ts";

/** The stored copy of an event, if there is one. */
export const selectStripeEvent = (eventId: string): SQL<{ id: string }> =>
  sql`SELECT event_id AS id FROM stripe_events WHERE event_id = ${eventId}`;

/** A plain insert: a copy of the event that was stored meanwhile breaks the batch. */
export function stripeEventStatement(row: {
  envelope: StripeEnvelope;
  outcome: StripeOutcome;
  bodySha256: string;
  nowMs: number;
}): Statement {
  const { envelope, outcome, bodySha256, nowMs } = row;
  const { id, type, livemode, createdSeconds } = envelope;
  const values = JSON.stringify([id, type, livemode ? 1 : 0, createdSeconds, formatInstant(nowMs), bodySha256]);
  const { status, error, tenantId, traceId } = outcome;
  const result = JSON.stringify([status, error, tenantId, traceId]);
  return sql`INSERT INTO stripe_events (event_id, type, livemode, created, received_at, body_sha256, status, error, tenant_id,
      trace_id)
    SELECT v.e ->> 0, v.e ->> 1, v.e ->> 2, v.e ->> 3, v.e ->> 4, v.e ->> 5, v.r ->> 0, v.r ->> 1, v.r ->> 2, v.r ->> 3
    FROM (SELECT ${values} AS e, ${result} AS r) v`;
}
