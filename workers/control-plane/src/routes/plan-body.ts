import { z } from "zod";
import { METER_KEY_PATTERN } from "@prego/core/id";
import { isCurrency, parseRate } from "@prego/core/money";
import { parseInstant } from "@prego/core/period";
import { parseQuantity } from "@prego/core/quantity";
import { METERED_PRICES_MAX } from "../limits.ts";
import { WirePrice } from "../domain/wire-price.ts";
import { hasAmountStep } from "../domain/plan-version.ts";

const Name = z.string().trim().min(1).max(100);
const MeterKey = z.string().regex(METER_KEY_PATTERN);

const Allowance = z
  .string()
  .refine(
    (text) => (parseQuantity(text) ?? -1n) >= 0n,
    "A decimal of at most 12 integer digits and 6 decimals, 0 or more",
  );

const Weight = z.string().refine((text) => parseRate(text) !== undefined, "A decimal of 0 or more");

const StripePriceId = z
  .string()
  .regex(/^[A-Za-z0-9_]{1,255}$/)
  .nullable()
  .default(null);

const MeterBody = z.strictObject({
  meter_key: MeterKey,
  included: Allowance,
  price: WirePrice,
  pool_weight: Weight.nullable().default(null),
  stripe_event_name: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,100}$/)
    .nullable()
    .default(null),
  stripe_price_id: StripePriceId.describe("the metered price that checkout sells for this meter"),
});

/** Meters of one plan; more is a mistake, and one batch writes them all. */
const PLAN_METERS_MAX = 100;

/** A version of a plan as operators send it. */
export const PlanBody = z
  .strictObject({
    plan_id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/),
    name: Name,
    currency: z
      .string()
      .refine((text) => isCurrency(text), "A lower-case ISO 4217 code")
      .refine((text) => !hasAmountStep(text), "Stripe takes only some amounts of this currency; it is not offered"),
    billing_mode: z.enum(["meter_event", "invoice_item"]),
    stripe_price_id: StripePriceId,
    pool_included: Allowance.nullable().default(null),
    effective_from: z
      .string()
      .refine((text) => parseInstant(text) !== undefined, "An ISO 8601 instant")
      .optional(),
    meters: z.array(MeterBody).max(PLAN_METERS_MAX),
  })
  .superRefine((plan, ctx) => {
    const refuse = (index: number, member: string, message: string): void =>
      ctx.addIssue({ code: "custom", path: ["meters", index, member], message });
    const keys = new Set<string>();
    const names = new Set<string>();
    for (const [index, meter] of plan.meters.entries()) {
      if (keys.has(meter.meter_key)) refuse(index, "meter_key", "Named twice");
      keys.add(meter.meter_key);
      if (meter.pool_weight !== null && plan.pool_included === null) {
        refuse(index, "pool_weight", "The plan has no pool: set pool_included");
      }
      const eventName = meter.stripe_event_name;
      if (plan.billing_mode !== "meter_event") continue;
      if (eventName === null) refuse(index, "stripe_event_name", "Needed in mode meter_event");
      else if (names.has(eventName)) refuse(index, "stripe_event_name", "Named twice");
      else names.add(eventName);
    }
    for (const { index, message } of findPriceFaults(plan)) refuse(index, "stripe_price_id", message);
  });

interface PricedPlan {
  billing_mode: string;
  stripe_price_id: string | null;
  meters: readonly { stripe_price_id: string | null }[];
}

/** Metered prices that one subscription cannot carry beside each other. */
function* findPriceFaults(plan: PricedPlan): Generator<{ index: number; message: string }> {
  const prices = new Set<string>();
  for (const [index, { stripe_price_id: price }] of plan.meters.entries()) {
    if (price === null) continue;
    if (plan.billing_mode !== "meter_event") yield { index, message: "Only in mode meter_event" };
    else if (price === plan.stripe_price_id) yield { index, message: "The plan's own price" };
    else if (prices.has(price)) yield { index, message: "Named twice" };
    else if (prices.size >= METERED_PRICES_MAX) yield { index, message: `At most ${METERED_PRICES_MAX} in a plan` };
    prices.add(price);
  }
}

/** A meter as operators send it. */
export const MeterDefinitionBody = z.strictObject({
  meter_key: MeterKey,
  display_name: Name,
  unit: z.string().trim().min(1).max(40),
  aggregation: z.enum(["sum", "count", "max", "last", "unique"]),
  value_property: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/)
    .refine((name) => name !== "path" && name !== "status", "Events have a field of this name")
    .nullable()
    .default(null),
});
export type PlanBody = z.infer<typeof PlanBody>;
export type MeterDefinitionBody = z.infer<typeof MeterDefinitionBody>;
