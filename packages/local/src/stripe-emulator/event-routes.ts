import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { describeEvent, eventLifeSeconds, type StoredEvent } from "./events.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import type { Params } from "./params.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";

export function registerEvents(api: StripeApi, context: EmulatorContext): void {
  api.get("/v1/events", (call) => listEvents(context, call.params));
  api.get("/v1/events/:id", (call) => {
    const event = context.state.events.get(call.id);
    if (event === undefined || !isKept(context, event)) throw createMissingResource("event", call.id);
    return describeEvent(context, event);
  });
  api.get("/v2/core/events/:id", (call) => {
    const event = context.state.thinEvents.get(call.id);
    if (event !== undefined) return event;
    throw createInvalidRequest({ status: 404, code: "not_found", message: `No such event: '${call.id}'` });
  });
}

function listEvents(context: EmulatorContext, params: Params): object {
  params.accept([...pageParams, "created", "delivery_success", "type", "types"]);
  const type = params.text("type");
  const types = params.texts("types");
  if (type !== undefined && types.length > 0) {
    throw createInvalidRequest({
      code: "parameters_exclusive",
      message: "You may only specify one of these parameters: type, types.",
    });
  }
  const wanted = type === undefined ? types : [type];
  const isDelivered = params.boolean("delivery_success");
  const items = [...context.state.events.values()].filter(
    (event) =>
      isKept(context, event) &&
      passesCreated(params, event.created) &&
      (wanted.length === 0 || wanted.some((name) => matchesType(name, event.type))) &&
      (isDelivered === undefined || hasSucceeded(context, event) === isDelivered),
  );
  const page = listPage({ url: "/v1/events", kind: "event", items }, params);
  return { ...page, data: page.data.map((event) => describeEvent(context, event)) };
}

/** Failed and still waiting count as not delivered. */
function hasSucceeded(context: EmulatorContext, event: StoredEvent): boolean {
  return (context.state.deliveries.get(event.id) ?? []).every((delivery) => delivery.status === "delivered");
}

function isKept(context: EmulatorContext, event: StoredEvent): boolean {
  return context.nowSeconds() - event.created < eventLifeSeconds;
}

function matchesType(wanted: string, type: string): boolean {
  return wanted.endsWith("*") ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
}
