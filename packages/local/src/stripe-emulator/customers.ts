import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { emitEvent } from "./events.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import { readMetadata } from "./metadata.ts";
import type { Params } from "./params.ts";
import { createMissingResource } from "./stripe-failure.ts";
import { cancelSubscription } from "./subscription-changes.ts";
import type { Wire } from "./wire.ts";

export type CustomerObject = ReturnType<typeof createCustomerObject>;

const writable = ["description", "email", "expand", "metadata", "name", "phone"] as const satisfies readonly (
  | keyof Stripe.CustomerCreateParams
  | keyof Stripe.CustomerUpdateParams
)[];

export function registerCustomers(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/customers", (call) => createCustomer(context, call.params.accept(writable)));
  api.get("/v1/customers", (call) => listCustomers(context, call.params));
  api.get("/v1/customers/:id", (call) => retrieveCustomer(context, call.id));
  api.post("/v1/customers/:id", (call) => updateCustomer(context, call.id, call.params.accept(writable)));
  api.delete("/v1/customers/:id", (call) => deleteCustomer(context, call.id));
}

/** A customer that a parameter names: missing and deleted ones are refused alike. */
export function requireCustomer(context: EmulatorContext, params: Params): CustomerObject {
  const id = params.requireText("customer");
  const customer = context.state.customers.get(id);
  if (customer === undefined) throw createMissingResource("customer", id, params.name("customer"));
  return customer;
}

export function createCustomer(context: EmulatorContext, params: Params): CustomerObject {
  const customer = createCustomerObject(context, params, context.createId("cus"));
  context.state.customers.set(customer.id, customer);
  emitEvent(context, { type: "customer.created", object: customer });
  return customer;
}

export function createCustomerObject(context: EmulatorContext, params: Params, id: string) {
  return {
    id,
    object: "customer",
    address: null,
    balance: 0,
    created: context.nowSeconds(),
    currency: null as string | null,
    default_source: null,
    delinquent: false,
    description: params.text("description") ?? null,
    discount: null,
    email: params.text("email") ?? null,
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: false,
    metadata: readMetadata(params),
    name: params.text("name") ?? null,
    phone: params.text("phone") ?? null,
    preferred_locales: [] as string[],
    shipping: null,
    tax_exempt: "none",
    test_clock: null,
  } satisfies Wire<Stripe.Customer>;
}

function listCustomers(context: EmulatorContext, params: Params): object {
  params.accept([...pageParams, "created", "email"]);
  const email = params.text("email");
  const items = [...context.state.customers.values()].filter(
    (customer) => passesCreated(params, customer.created) && (email === undefined || customer.email === email),
  );
  return listPage({ url: "/v1/customers", kind: "customer", items }, params);
}

function retrieveCustomer(context: EmulatorContext, id: string): object {
  if (context.state.deletedCustomers.has(id)) return { id, object: "customer", deleted: true };
  return findCustomer(context, id);
}

function updateCustomer(context: EmulatorContext, id: string, params: Params): CustomerObject {
  const before = findCustomer(context, id);
  const changed: CustomerObject = {
    ...before,
    description: readField(params, "description", before.description),
    email: readField(params, "email", before.email),
    metadata: readMetadata(params, before.metadata),
    name: readField(params, "name", before.name),
    phone: readField(params, "phone", before.phone),
  };
  context.state.customers.set(id, changed);
  emitEvent(context, { type: "customer.updated", object: changed, previous: before });
  return changed;
}

function deleteCustomer(context: EmulatorContext, id: string): object {
  const customer = findCustomer(context, id);
  for (const subscription of context.state.subscriptions.values()) {
    if (subscription.customer === id && subscription.status !== "canceled") {
      cancelSubscription(context, subscription.id);
    }
  }
  context.state.customers.delete(id);
  context.state.deletedCustomers.set(id, context.nowSeconds());
  emitEvent(context, { type: "customer.deleted", object: customer });
  return { id, object: "customer", deleted: true };
}

function findCustomer(context: EmulatorContext, id: string): CustomerObject {
  const customer = context.state.customers.get(id);
  if (customer === undefined) throw createMissingResource("customer", id);
  return customer;
}

function readField(params: Params, name: string, current: string | null): string | null {
  return params.has(name) ? (params.text(name) ?? null) : current;
}
