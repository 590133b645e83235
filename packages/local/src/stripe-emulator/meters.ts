import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { emitEvent } from "./events.ts";
import { listPage, pageParams } from "./list-page.ts";
import { summarizeMeterEvents } from "./meter-summaries.ts";
import type { Params } from "./params.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import type { Wire } from "./wire.ts";

export type MeterObject = ReturnType<typeof createMeterObject>;

const writable = [
  "customer_mapping",
  "default_aggregation",
  "display_name",
  "event_name",
  "event_time_window",
  "expand",
  "value_settings",
] as const satisfies readonly (keyof Stripe.Billing.MeterCreateParams)[];

export function registerMeters(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/billing/meters", (call) => createMeter(context, call.params.accept(writable)));
  api.get("/v1/billing/meters", (call) => {
    const params = call.params.accept([...pageParams, "status"]);
    const status = params.choice("status", ["active", "inactive"]);
    const items = [...context.state.meters.values()].filter((meter) => status === undefined || meter.status === status);
    return listPage({ url: "/v1/billing/meters", kind: "meter", items }, params);
  });
  api.get("/v1/billing/meters/:id", (call) => findMeter(context, call.id));
  api.post("/v1/billing/meters/:id/deactivate", (call) => setMeterStatus(context, call.id, "inactive"));
  api.post("/v1/billing/meters/:id/reactivate", (call) => setMeterStatus(context, call.id, "active"));
  api.get("/v1/billing/meters/:id/event_summaries", (call) =>
    summarizeMeterEvents(context, findMeter(context, call.id), call),
  );
}

export function createMeter(context: EmulatorContext, params: Params, id?: string): MeterObject {
  const meter = createMeterObject(context, params, id ?? context.createId("mtr_test"));
  for (const other of context.state.meters.values()) {
    if (other.event_name === meter.event_name && other.status === "active") {
      throw createInvalidRequest({
        param: "event_name",
        message: `There is already an active meter with event_name ${meter.event_name}.`,
        isSaved: true,
      });
    }
  }
  context.state.meters.set(meter.id, meter);
  emitEvent(context, { type: "billing.meter.created", object: meter });
  return meter;
}

function createMeterObject(context: EmulatorContext, params: Params, id: string) {
  const aggregation = params.object("default_aggregation")?.accept(["formula"]);
  const formula = aggregation?.choice("formula", ["sum", "count", "last"]);
  if (formula === undefined) throw params.missing("default_aggregation");
  const customerKey = params.object("customer_mapping")?.accept(["event_payload_key", "type"]);
  const valueKey = params.object("value_settings")?.accept(["event_payload_key"]);
  return {
    id,
    object: "billing.meter",
    created: context.nowSeconds(),
    customer_mapping: {
      event_payload_key: customerKey?.requireText("event_payload_key") ?? "stripe_customer_id",
      type: "by_id",
    },
    default_aggregation: { formula },
    display_name: params.requireText("display_name"),
    event_name: params.requireText("event_name"),
    event_time_window: params.choice("event_time_window", ["day", "hour"]) ?? null,
    livemode: false,
    status: "active" as "active" | "inactive",
    status_transitions: { deactivated_at: null as number | null },
    updated: context.nowSeconds(),
    value_settings: { event_payload_key: valueKey?.requireText("event_payload_key") ?? "value" },
  } satisfies Wire<Stripe.Billing.Meter>;
}

function setMeterStatus(context: EmulatorContext, id: string, status: MeterObject["status"]): MeterObject {
  const before = findMeter(context, id);
  const now = context.nowSeconds();
  const meter: MeterObject = {
    ...before,
    status,
    status_transitions: { deactivated_at: status === "inactive" ? now : null },
    updated: now,
  };
  context.state.meters.set(id, meter);
  const type = status === "inactive" ? "billing.meter.deactivated" : "billing.meter.reactivated";
  emitEvent(context, { type, object: meter, previous: before });
  return meter;
}

function findMeter(context: EmulatorContext, id: string): MeterObject {
  const meter = context.state.meters.get(id);
  if (meter === undefined) throw createMissingResource("meter", id);
  return meter;
}
