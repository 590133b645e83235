import type { EmulatorContext } from "./context.ts";
import { createCustomerObject } from "./customers.ts";
import { createMeter } from "./meters.ts";
import { Params } from "./params.ts";
import { createPrice } from "./prices.ts";
import { createProduct } from "./products.ts";

/** Objects with ids that a configuration already names. Those that exist are left alone. */
export interface StripeSeed {
  readonly customers?: readonly { readonly id: string; readonly email?: string; readonly name?: string }[];
  readonly products?: readonly { readonly id: string; readonly name: string }[];
  readonly meters?: readonly {
    readonly id: string;
    readonly event_name: string;
    readonly display_name?: string;
    readonly formula?: "sum" | "count" | "last";
  }[];
  readonly prices?: readonly {
    readonly id: string;
    readonly product: string;
    readonly currency: string;
    readonly unit_amount?: number;
    /** In place of `unit_amount`, for parts of a minor unit. */
    readonly unit_amount_decimal?: string;
    readonly interval?: "day" | "week" | "month" | "year";
    readonly lookup_key?: string;
    readonly nickname?: string;
    readonly meter?: string;
  }[];
}

export function seedState(context: EmulatorContext, seed: StripeSeed): void {
  const { state } = context;
  for (const { id, ...fields } of seed.customers ?? []) {
    if (!state.customers.has(id)) state.customers.set(id, createCustomerObject(context, new Params(fields), id));
  }
  for (const product of seed.products ?? []) {
    if (!state.products.has(product.id)) createProduct(context, new Params(product));
  }
  for (const { id, event_name, display_name, formula } of seed.meters ?? []) {
    const fields = {
      event_name,
      display_name: display_name ?? event_name,
      default_aggregation: { formula: formula ?? "sum" },
    };
    if (!state.meters.has(id)) createMeter(context, new Params(fields), id);
  }
  for (const { id, interval, meter, unit_amount, ...fields } of seed.prices ?? []) {
    const usage = meter === undefined ? {} : { meter, usage_type: "metered" };
    const recurring = { interval: interval ?? "month", ...usage };
    const amount = unit_amount === undefined ? {} : { unit_amount: String(unit_amount) };
    const params = new Params({ ...fields, ...amount, recurring });
    if (!state.prices.has(id)) createPrice(context, params, id);
  }
}
