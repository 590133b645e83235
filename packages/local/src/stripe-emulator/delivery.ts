import Stripe from "stripe";
import type { EmulatorContext } from "./context.ts";
import { takesPayload, type Delivery, type WebhookEndpoint } from "./delivery-queue.ts";
import { describeEvent } from "./events.ts";
import { advanceInvoices } from "./invoice-changes.ts";
import { reportMeterFailures } from "./meter-reports.ts";
import { createRandom } from "./object-id.ts";
import { describeNotification } from "./thin-events.ts";

export interface DeliveryReport {
  readonly sent: number;
  readonly delivered: number;
  readonly failed: number;
  readonly pending: number;
}

const minuteMs = 60_000;
const answerTimeoutMs = 10_000;
/** Waits between attempts; after the last one the delivery has failed, about three days in. */
const retryWaitsMs = [1, 5, 30, 60, 180, 360, 720, 1_440, 1_440].map((minutes) => minutes * minuteMs);

/** Sends everything that is due, in the configured order. With `all`, what still waits for its retry too. */
export async function deliverPending(
  context: EmulatorContext,
  select: { all?: boolean } = {},
): Promise<DeliveryReport> {
  reportMeterFailures(context);
  advanceInvoices(context);
  const nowMs = context.nowMs();
  const due = [...context.state.deliveries.values()]
    .flat()
    .filter((delivery) => delivery.status === "pending" && (select.all === true || delivery.due_at_ms <= nowMs));
  const round = orderDeliveries(context, due);
  for (const delivery of round) await attemptDelivery(context, delivery);
  return {
    sent: round.length,
    delivered: due.filter((delivery) => delivery.status === "delivered").length,
    failed: due.filter((delivery) => delivery.status === "failed").length,
    pending: due.filter((delivery) => delivery.status === "pending").length,
  };
}

/** Sends an event once more, delivered or not, as `stripe events resend` does. */
export function resendEvent(context: EmulatorContext, eventId: string): void {
  for (const delivery of context.state.deliveries.get(eventId) ?? []) {
    delivery.status = "pending";
    delivery.due_at_ms = context.nowMs();
  }
}

function orderDeliveries(context: EmulatorContext, due: readonly Delivery[]): Delivery[] {
  const copies = due.flatMap((delivery) => Array.from({ length: delivery.copies }, () => delivery));
  for (const delivery of due) delivery.copies = 1;
  if (context.habits.order === "created") return copies;
  if (context.habits.order === "reversed") return copies.toReversed();
  const draw = createRandom(context.seed, context.state.objectCount + due.length);
  for (let last = copies.length - 1; last > 0; last -= 1) {
    const other = draw(last + 1);
    [copies[last], copies[other]] = [copies[other] as Delivery, copies[last] as Delivery];
  }
  return copies;
}

async function attemptDelivery(context: EmulatorContext, delivery: Delivery): Promise<void> {
  const endpoint = context.endpoints.find(
    (candidate) => candidate.url === delivery.url && takesPayload(candidate, delivery.payload),
  );
  // Stripe stops retrying for an endpoint that was removed.
  if (endpoint === undefined) {
    delivery.status = "failed";
    return;
  }
  delivery.attempts += 1;
  delivery.last_status = await postWebhook(context, delivery, endpoint);
  if (delivery.last_status !== null && delivery.last_status >= 200 && delivery.last_status < 300) {
    delivery.status = "delivered";
    return;
  }
  if (delivery.status === "delivered") return;
  const waitMs = retryWaitsMs[delivery.attempts - 1];
  if (waitMs === undefined) delivery.status = "failed";
  else delivery.due_at_ms = context.nowMs() + waitMs;
}

/** The answer's status, or null when none came. */
async function postWebhook(
  context: EmulatorContext,
  delivery: Delivery,
  endpoint: WebhookEndpoint,
): Promise<number | null> {
  const payload = writePayload(context, delivery);
  if (payload === undefined) return null;
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload,
    secret: endpoint.secret,
    timestamp: context.nowSeconds(),
  });
  try {
    const response = await (context.options.fetch ?? fetch)(endpoint.url, {
      method: "POST",
      headers: {
        "content-type": "application/json; charset=utf-8",
        "stripe-signature": signature,
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
      },
      body: payload,
      redirect: "manual",
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return null;
  }
}

function writePayload(context: EmulatorContext, delivery: Delivery): string | undefined {
  if (delivery.payload === "thin") {
    const thin = context.state.thinEvents.get(delivery.event_id);
    return thin === undefined ? undefined : JSON.stringify(describeNotification(thin));
  }
  const event = context.state.events.get(delivery.event_id);
  return event === undefined ? undefined : JSON.stringify(describeEvent(context, event), null, 2);
}
