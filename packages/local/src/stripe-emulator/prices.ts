import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { emitEvent } from "./events.ts";
import { readDecimal, toMinorUnits } from "./decimal.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import { readMetadata } from "./metadata.ts";
import type { Params } from "./params.ts";
import { createProduct } from "./products.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import type { Wire } from "./wire.ts";

export type PriceObject = ReturnType<typeof createPriceObject>;

const writable = [
  "active",
  "billing_scheme",
  "currency",
  "expand",
  "lookup_key",
  "metadata",
  "nickname",
  "product",
  "product_data",
  "recurring",
  "unit_amount",
  "unit_amount_decimal",
] as const satisfies readonly (keyof Stripe.PriceCreateParams)[];

export function registerPrices(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/prices", (call) => createPrice(context, call.params.accept(writable)));
  api.get("/v1/prices", (call) => listPrices(context, call.params));
  api.get("/v1/prices/:id", (call) => {
    const price = context.state.prices.get(call.id);
    if (price === undefined) throw createMissingResource("price", call.id);
    return price;
  });
}

/** A price that a parameter names. */
export function requirePrice(context: EmulatorContext, params: Params, name = "price"): PriceObject {
  const id = params.requireText(name);
  const price = context.state.prices.get(id);
  if (price === undefined) throw createMissingResource("price", id, params.name(name));
  return price;
}

export function createPrice(context: EmulatorContext, params: Params, id?: string): PriceObject {
  const price = createPriceObject(context, params, id ?? context.createId("price"));
  context.state.prices.set(price.id, price);
  emitEvent(context, { type: "price.created", object: price });
  return price;
}

function createPriceObject(context: EmulatorContext, params: Params, id: string) {
  const given = params.object("recurring");
  const recurring = given === undefined ? null : readRecurring(context, given);
  const unitAmount = readUnitAmount(params);
  return {
    id,
    object: "price",
    active: params.boolean("active") ?? true,
    billing_scheme: "per_unit",
    created: context.nowSeconds(),
    currency: params.requireText("currency").toLowerCase(),
    custom_unit_amount: null,
    livemode: false,
    lookup_key: params.text("lookup_key") ?? null,
    metadata: readMetadata(params),
    nickname: params.text("nickname") ?? null,
    product: readProduct(context, params),
    recurring,
    tax_behavior: "unspecified",
    tiers_mode: null,
    transform_quantity: null,
    type: recurring === null ? "one_time" : "recurring",
    unit_amount: unitAmount.whole,
    unit_amount_decimal: unitAmount.decimal,
  } satisfies Wire<Stripe.Price>;
}

function readProduct(context: EmulatorContext, params: Params): string {
  const data = params.object("product_data");
  if (data !== undefined) return createProduct(context, data.accept(["name", "metadata", "active", "unit_label"])).id;
  const id = params.requireText("product");
  if (!context.state.products.has(id)) throw createMissingResource("product", id, params.name("product"));
  return id;
}

function readRecurring(context: EmulatorContext, params: Params) {
  params.accept(["interval", "interval_count", "meter", "usage_type"]);
  const meter = params.text("meter") ?? null;
  if (meter !== null && !context.state.meters.has(meter)) {
    throw createMissingResource("meter", meter, params.name("meter"));
  }
  const interval = params.choice("interval", ["day", "week", "month", "year"]);
  if (interval === undefined) throw params.missing("interval");
  return {
    interval,
    interval_count: params.integer("interval_count") ?? 1,
    meter,
    trial_period_days: null,
    usage_type: params.choice("usage_type", ["licensed", "metered"]) ?? "licensed",
  } satisfies Wire<NonNullable<Stripe.Price["recurring"]>>;
}

function readUnitAmount(params: Params): { readonly whole: number | null; readonly decimal: string } {
  const whole = params.integer("unit_amount");
  if (whole !== undefined) return { whole, decimal: String(whole) };
  const text = params.text("unit_amount_decimal");
  if (text === undefined) throw params.missing("unit_amount");
  const amount = readDecimal(params, "unit_amount_decimal", text);
  return { whole: text.includes(".") ? null : toMinorUnits(amount), decimal: text };
}

function listPrices(context: EmulatorContext, params: Params): object {
  params.accept([...pageParams, "active", "created", "currency", "lookup_keys", "product", "recurring", "type"]);
  const active = params.boolean("active");
  const product = params.text("product");
  const currency = params.text("currency");
  const type = params.choice("type", ["one_time", "recurring"]);
  const lookupKeys = params.texts("lookup_keys");
  if (params.has("recurring")) throw createInvalidRequest({ param: "recurring", message: "Not offered here" });
  const items = [...context.state.prices.values()].filter(
    (price) =>
      passesCreated(params, price.created) &&
      (active === undefined || price.active === active) &&
      (product === undefined || price.product === product) &&
      (currency === undefined || price.currency === currency) &&
      (type === undefined || price.type === type) &&
      (lookupKeys.length === 0 || lookupKeys.includes(price.lookup_key ?? "")),
  );
  return listPage({ url: "/v1/prices", kind: "price", items }, params);
}
