import type { EmulatorContext } from "./context.ts";
import { createRandom } from "./object-id.ts";

export interface WebhookEndpoint {
  readonly url: string;
  readonly secret: string;
  /** Stripe sends either kind to one endpoint; `both` saves the local stack a second one. Default `both`. */
  readonly payload?: "snapshot" | "thin" | "both";
}

export interface DeliveryHabits {
  readonly order: "created" | "reversed" | "shuffled";
  /** Chance in percent that an event comes a second time. */
  readonly duplicate_percent: number;
  /** Chance in percent that every attempt for an event fails. */
  readonly drop_percent: number;
  readonly drop_types: readonly string[];
  /** Types for which no event is generated at all. */
  readonly lose_types: readonly string[];
}

export interface Delivery {
  readonly id: string;
  readonly event_id: string;
  readonly url: string;
  readonly payload: "snapshot" | "thin";
  status: "pending" | "delivered" | "failed";
  attempts: number;
  copies: number;
  due_at_ms: number;
  last_status: number | null;
}

/** One delivery for each endpoint that takes this payload. */
export function queueDeliveries(
  context: EmulatorContext,
  event: { readonly id: string; readonly type: string; readonly payload: Delivery["payload"] },
): void {
  const queued: Delivery[] = [];
  for (const endpoint of context.endpoints) {
    if (!takesPayload(endpoint, event.payload)) continue;
    const id = context.createId("whd");
    const draw = createRandom(context.seed, context.state.objectCount);
    const isDropped = context.habits.drop_types.includes(event.type) || draw(100) < context.habits.drop_percent;
    queued.push({
      id,
      event_id: event.id,
      url: endpoint.url,
      payload: event.payload,
      status: isDropped ? "failed" : "pending",
      attempts: 0,
      copies: draw(100) < context.habits.duplicate_percent ? 2 : 1,
      due_at_ms: context.nowMs(),
      last_status: null,
    });
  }
  context.state.deliveries.set(event.id, queued);
}

export function takesPayload(endpoint: WebhookEndpoint, payload: Delivery["payload"]): boolean {
  return endpoint.payload === undefined || endpoint.payload === "both" || endpoint.payload === payload;
}
