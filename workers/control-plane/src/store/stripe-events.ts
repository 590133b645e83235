import { sql, type SQL } from "drizzle-orm";
import { formatInstant } from "@prego/core/period";
import { stripeEvents } from "@prego/core/schema";
import type { Database, Statement } from "@prego/core/store";
import type { StripeEnvelope } from "@prego/core/stripe";
import type { StripeOutcome } from "../domain/stripe-state.ts";

/** The stored copy of an event, if there is one. */
export const selectStripeEvent = (eventId: string): SQL<{ id: string }> =>
  sql`SELECT event_id AS id FROM stripe_events WHERE event_id = ${eventId}`;

/** A plain insert: a copy of the event that was stored meanwhile breaks the batch. */
export function stripeEventStatement(
  db: Database,
  row: { envelope: StripeEnvelope; outcome: StripeOutcome; bodySha256: string; nowMs: number },
): Statement {
  const { envelope, outcome } = row;
  return db.insert(stripeEvents).values({
    eventId: envelope.id,
    type: envelope.type,
    livemode: envelope.livemode ? 1 : 0,
    created: envelope.createdSeconds,
    receivedAt: formatInstant(row.nowMs),
    bodySha256: row.bodySha256,
    ...outcome,
  });
}
