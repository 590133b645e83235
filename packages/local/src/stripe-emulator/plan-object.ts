import type Stripe from "stripe";
import type { PriceObject } from "./prices.ts";
import type { Wire } from "./wire.ts";

/** A subscription item's price once more, in the older shape that Stripe still sends beside it. */
export function createPlanObject(price: PriceObject) {
  return {
    id: price.id,
    object: "plan",
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: "per_unit",
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? "month",
    interval_count: price.recurring?.interval_count ?? 1,
    livemode: false,
    metadata: price.metadata,
    meter: price.recurring?.meter ?? null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: price.recurring?.usage_type ?? "licensed",
  } satisfies Wire<Stripe.Plan>;
}
