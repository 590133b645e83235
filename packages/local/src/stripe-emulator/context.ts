import type { DeliveryHabits, WebhookEndpoint } from "./delivery-queue.ts";
import type { FaultPlan } from "./faults.ts";
import { formatObjectId } from "./object-id.ts";
import type { StripeState } from "./state.ts";

export const apiVersion = "2026-10-28.endive";

export interface StripeEmulatorOptions {
  /** Keys accepted as bearer tokens; without the list every `sk_test_` key is. */
  readonly secretKeys?: readonly string[];
  readonly webhookEndpoints?: readonly WebhookEndpoint[];
  /** Epoch milliseconds. Read once per request. */
  readonly now?: () => number;
  readonly seed?: number;
  /** Origin of the page behind `checkout.session.url`; without it the URL is Stripe's. */
  readonly publicUrl?: string;
  readonly meters?: Partial<MeterHabits>;
  readonly faults?: FaultPlan;
  readonly delivery?: Partial<DeliveryHabits>;
  /** Sends webhooks. */
  readonly fetch?: typeof fetch;
  readonly sleep?: (ms: number) => Promise<void>;
}

export interface MeterHabits {
  /** How long accepted meter events stay out of the summaries. Stripe counts them later, too. */
  readonly lag_ms: number;
  /** Reports bad values and timestamps by thin event instead of a 400. */
  readonly late_errors: boolean;
}

/** Who asked, for the `request` field of the events that a call causes. */
export interface CallOrigin {
  readonly requestId: string | null;
  readonly idempotencyKey: string | null;
}

export interface EmulatorContext {
  readonly state: StripeState;
  readonly options: StripeEmulatorOptions;
  readonly seed: number;
  nowMs(): number;
  nowSeconds(): number;
  createId(prefix: string): string;
  createRequestId(): string;
  endpoints: readonly WebhookEndpoint[];
  habits: DeliveryHabits;
  meterHabits: MeterHabits;
  origin: CallOrigin;
}

export const noOrigin: CallOrigin = { requestId: null, idempotencyKey: null };

const defaultHabits: DeliveryHabits = {
  order: "created",
  duplicate_percent: 0,
  drop_percent: 0,
  drop_types: [],
  lose_types: [],
};

export function createContext(state: StripeState, options: StripeEmulatorOptions): EmulatorContext {
  const seed = options.seed ?? 1;
  const nowMs = options.now ?? Date.now;
  return {
    state,
    options,
    seed,
    nowMs,
    nowSeconds: () => Math.floor(nowMs() / 1_000),
    createId: (prefix) => {
      state.objectCount += 1;
      return formatObjectId(prefix, seed, state.objectCount);
    },
    createRequestId: () => {
      state.requestCount += 1;
      return formatObjectId("req", seed + 1, state.requestCount);
    },
    endpoints: options.webhookEndpoints ?? [],
    habits: { ...defaultHabits, ...options.delivery },
    meterHabits: { lag_ms: 0, late_errors: false, ...options.meters },
    origin: noOrigin,
  };
}
