import type { StripeState } from "./state.ts";
import { createInvalidRequest } from "./stripe-failure.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Fields that hold an id and the store their object comes from. */
const references: Readonly<Record<string, (state: StripeState, id: string) => object | undefined>> = {
  customer: (state, id) => state.customers.get(id),
  subscription: (state, id) => state.subscriptions.get(id),
  invoice: (state, id) => state.invoices.get(id),
  latest_invoice: (state, id) => state.invoices.get(id),
  product: (state, id) => state.products.get(id),
  price: (state, id) => state.prices.get(id),
  default_payment_method: (state, id) => state.paymentMethods.get(id),
};

/** Fields that Stripe leaves out until they are asked for. */
const includable: Readonly<Record<string, (state: StripeState, owner: string) => object | undefined>> = {
  line_items: (state, owner) => state.checkoutLineItems.get(owner),
};

/** Replaces ids by their objects for each `expand[]` path such as `data.customer` or `items.data.price.product`. */
export function expandFields(state: StripeState, body: object, paths: readonly string[]): object {
  let expanded = { ...body } as Fields;
  for (const path of paths) expanded = expandPath(state, expanded, path.split("."));
  return expanded;
}

function expandPath(state: StripeState, fields: Fields, path: readonly string[]): Fields {
  const [name = "", ...rest] = path;
  const held = name in fields ? fields[name] : includable[name]?.(state, String(fields["id"]));
  const isNothing = held === undefined || (held === null && !(name in references));
  if (isNothing || rest.length > 8) throw createNotExpandable(path);
  return { ...fields, [name]: expandValue(state, held, { name, rest }) };
}

function expandValue(
  state: StripeState,
  value: unknown,
  step: { readonly name: string; readonly rest: readonly string[] },
): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item) => expandValue(state, item, step));
  const target = typeof value === "string" ? references[step.name]?.(state, value) : value;
  if (typeof target !== "object" || target === null) throw createNotExpandable([step.name, ...step.rest]);
  return step.rest.length === 0 ? target : expandPath(state, target as Fields, step.rest);
}

function createNotExpandable(path: readonly string[]): Error {
  return createInvalidRequest({ param: "expand", message: `This property cannot be expanded (${path.join(".")}).` });
}
