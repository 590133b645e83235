import type { EmulatorContext } from "./context.ts";
import { multiplyToMinorUnits, readDecimal } from "./decimal.ts";
import type { Params } from "./params.ts";
import { requirePrice } from "./prices.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";

export interface LineAmount {
  readonly amount: number;
  readonly currency: string;
  readonly quantityDecimal: string;
  readonly pricing: LinePricing | null;
}

interface LinePricing {
  readonly price_details?: { readonly price: string; readonly product: string };
  readonly type: "price_details";
  readonly unit_amount_decimal: string | null;
}

/** The four ways to say what a line costs; exactly one is taken. */
export function readLineAmount(context: EmulatorContext, params: Params): LineAmount {
  const ways = ["amount", "unit_amount_decimal", "price_data", "pricing"].filter((name) => params.has(name));
  if (ways.length !== 1) {
    throw createInvalidRequest({
      code: ways.length === 0 ? "parameter_missing" : "parameters_exclusive",
      param: ways[1] ?? "amount",
      message: "You must pass exactly one of amount, unit_amount_decimal, price_data or pricing.",
    });
  }
  if (params.has("amount")) return readFixedAmount(params);
  if (params.has("unit_amount_decimal")) {
    const rate = params.requireText("unit_amount_decimal");
    return multiplyRate(params, { rate, currency: readCurrency(params), details: undefined });
  }
  const data = params.object("price_data");
  if (data !== undefined) return readPriceData(context, params, data);
  const price = requirePrice(context, requireObject(params, "pricing").accept(["price"]));
  const details = { price: price.id, product: price.product };
  return multiplyRate(params, { rate: price.unit_amount_decimal, currency: price.currency, details });
}

function readFixedAmount(params: Params): LineAmount {
  const amount = params.integer("amount");
  if (amount === undefined) throw params.missing("amount");
  return { amount, currency: readCurrency(params), quantityDecimal: "1", pricing: null };
}

function readPriceData(context: EmulatorContext, params: Params, data: Params): LineAmount {
  data.accept(["currency", "product", "unit_amount", "unit_amount_decimal"]);
  const product = data.requireText("product");
  if (!context.state.products.has(product)) throw createMissingResource("product", product, data.name("product"));
  const rate = data.text("unit_amount_decimal") ?? data.requireText("unit_amount");
  return multiplyRate(params, { rate, currency: readCurrency(data), details: undefined });
}

function multiplyRate(
  params: Params,
  line: { readonly rate: string; readonly currency: string; readonly details: LinePricing["price_details"] },
): LineAmount {
  const quantityDecimal = params.text("quantity_decimal") ?? params.text("quantity") ?? "1";
  const rate = readDecimal(params, "unit_amount_decimal", line.rate);
  const quantity = readDecimal(params, "quantity_decimal", quantityDecimal);
  return {
    amount: multiplyToMinorUnits(rate, quantity),
    currency: line.currency,
    quantityDecimal,
    pricing: {
      ...(line.details === undefined ? {} : { price_details: line.details }),
      type: "price_details",
      unit_amount_decimal: line.rate,
    },
  };
}

function readCurrency(params: Params): string {
  const currency = params.requireText("currency").toLowerCase();
  if (/^[a-z]{3}$/.test(currency)) return currency;
  throw createInvalidRequest({ param: params.name("currency"), message: "Invalid currency: must be a 3-letter code" });
}

function requireObject(params: Params, name: string): Params {
  const value = params.object(name);
  if (value === undefined) throw params.missing(name);
  return value;
}
