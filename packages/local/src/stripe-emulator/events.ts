import type Stripe from "stripe";
import { apiVersion, type EmulatorContext } from "./context.ts";
import { queueDeliveries } from "./delivery-queue.ts";
import type { Wire } from "./wire.ts";

export type EventType = Stripe.Event["type"];

/** What an API call or a delivery shows; `pending_webhooks` is counted when it is read. */
export type StoredEvent = ReturnType<typeof createEventObject>;

/** Stripe keeps events for 30 days; older ones are neither listed nor retrieved. */
export const eventLifeSeconds = 30 * 24 * 60 * 60;

export interface Change {
  readonly type: EventType;
  readonly object: object;
  readonly previous?: object;
}

/** Records a change and queues its webhooks. A type in `lose_types` is never generated at all. */
export function emitEvent(context: EmulatorContext, change: Change): void {
  if (context.habits.lose_types.includes(change.type)) return;
  const event = createEventObject(context, change);
  context.state.events.set(event.id, event);
  queueDeliveries(context, { id: event.id, type: event.type, payload: "snapshot" });
}

/** The event as Stripe shows it now. */
export function describeEvent(context: EmulatorContext, event: StoredEvent): StoredEvent {
  const open = (context.state.deliveries.get(event.id) ?? []).filter((delivery) => delivery.status !== "delivered");
  return { ...event, pending_webhooks: open.length };
}

function createEventObject(context: EmulatorContext, change: Change) {
  return {
    id: context.createId("evt"),
    object: "event",
    api_version: apiVersion,
    created: context.nowSeconds(),
    data: {
      object: structuredClone(change.object),
      ...(change.previous === undefined ? {} : { previous_attributes: structuredClone(change.previous) }),
    },
    livemode: false,
    pending_webhooks: 0,
    request: { id: context.origin.requestId, idempotency_key: context.origin.idempotencyKey },
    type: change.type,
  } satisfies Wire<Stripe.EventBase>;
}
