import type Stripe from "stripe";
import type { StripeApi } from "./api.ts";
import type { EmulatorContext } from "./context.ts";
import { emitEvent } from "./events.ts";
import { listPage, pageParams, passesCreated } from "./list-page.ts";
import { readMetadata } from "./metadata.ts";
import type { Params } from "./params.ts";
import { createInvalidRequest, createMissingResource } from "./stripe-failure.ts";
import type { Wire } from "./wire.ts";

export type ProductObject = ReturnType<typeof createProductObject>;

const writable = [
  "active",
  "description",
  "expand",
  "id",
  "metadata",
  "name",
  "unit_label",
] as const satisfies readonly (keyof Stripe.ProductCreateParams)[];

export function registerProducts(api: StripeApi, context: EmulatorContext): void {
  api.post("/v1/products", (call) => createProduct(context, call.params.accept(writable)));
  api.get("/v1/products", (call) => {
    const params = call.params.accept([...pageParams, "active", "created"]);
    const active = params.boolean("active");
    const items = [...context.state.products.values()].filter(
      (product) => passesCreated(params, product.created) && (active === undefined || product.active === active),
    );
    return listPage({ url: "/v1/products", kind: "product", items }, params);
  });
  api.get("/v1/products/:id", (call) => {
    const product = context.state.products.get(call.id);
    if (product === undefined) throw createMissingResource("product", call.id);
    return product;
  });
}

export function createProduct(context: EmulatorContext, params: Params): ProductObject {
  const id = params.text("id") ?? context.createId("prod");
  if (context.state.products.has(id)) {
    throw createInvalidRequest({
      code: "resource_already_exists",
      param: "id",
      message: "Product already exists.",
      isSaved: true,
    });
  }
  const product = createProductObject(context, params, id);
  context.state.products.set(id, product);
  emitEvent(context, { type: "product.created", object: product });
  return product;
}

function createProductObject(context: EmulatorContext, params: Params, id: string) {
  return {
    id,
    object: "product",
    active: params.boolean("active") ?? true,
    created: context.nowSeconds(),
    default_price: null,
    description: params.text("description") ?? null,
    images: [] as string[],
    livemode: false,
    marketing_features: [] as { name?: string }[],
    metadata: readMetadata(params),
    name: params.requireText("name"),
    package_dimensions: null,
    shippable: null,
    tax_code: null,
    tax_details: null,
    type: "service",
    unit_label: params.text("unit_label") ?? null,
    updated: context.nowSeconds(),
    url: null,
  } satisfies Wire<Stripe.Product>;
}
