import type Stripe from "stripe";

/**
 * A part of an SDK resource as it travels: decimals are text, nested resources are looser.
 * Used with `satisfies`, so that a renamed or removed field no longer compiles.
 */
export type Wire<Resource> = { readonly [Field in keyof Resource]?: WireValue<Resource[Field]> };

type WireValue<Value> = Value extends Stripe.Decimal
  ? string
  : Value extends string | number | boolean | null | undefined
    ? Value
    : unknown;
