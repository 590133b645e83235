import type Stripe from "stripe";
import type { EmulatorContext } from "./context.ts";
import { queueDeliveries } from "./delivery-queue.ts";
import type { Wire } from "./wire.ts";

export type StoredThinEvent = ReturnType<typeof createThinEventObject>;

type MeterReport = Stripe.V2.Core.Events.V1BillingMeterErrorReportTriggeredEvent;

export interface ThinChange {
  readonly type: "v1.billing.meter.error_report_triggered" | "v1.billing.meter.no_meter_found";
  readonly data: object;
  readonly related?: { readonly id: string; readonly type: string; readonly url: string };
}

export function emitThinEvent(context: EmulatorContext, change: ThinChange): void {
  if (context.habits.lose_types.includes(change.type)) return;
  const event = createThinEventObject(context, change);
  context.state.thinEvents.set(event.id, event);
  queueDeliveries(context, { id: event.id, type: event.type, payload: "thin" });
}

/** What is delivered: the notification without `data`, which the receiver fetches. */
export function describeNotification(event: StoredThinEvent): object {
  const { data: _fetched, ...notification } = event;
  return notification;
}

function createThinEventObject(context: EmulatorContext, change: ThinChange) {
  return {
    id: context.createId("evt_test"),
    object: "v2.core.event",
    created: new Date(context.nowMs()).toISOString(),
    data: change.data,
    livemode: false,
    ...(change.related === undefined ? {} : { related_object: change.related }),
    type: change.type,
  } satisfies Omit<Wire<MeterReport>, "type"> & { readonly type: string };
}
