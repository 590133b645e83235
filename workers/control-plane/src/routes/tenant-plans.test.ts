import { describe, expect, test } from "vitest";
import { ControlPlane, seedBusiness, START_MS, StripeCustomer } from "../control-plane-test-kit.ts";

const START_SECONDS = Math.floor(START_MS / 1_000);
const at = (second: number): string => new Date((START_SECONDS + second) * 1_000).toISOString();

const historyOf = (plane: ControlPlane, slug: string) =>
  plane.rows(
    `SELECT p.effective_from, p.ordinal, p.plan_id, p.source FROM tenant_plans p JOIN tenants_master t USING (tenant_id)
      WHERE t.slug = ? ORDER BY 1, 2`,
    slug,
  );

describe("the history of a tenant's plan", () => {
  test("has Stripe's times, also for a change that arrives after a newer one, which the tenant keeps", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-plans");
    const customer = new StripeCustomer("plans", "eu-plans");
    const [checkout, larger, back] = [
      customer.checkout({ created: START_SECONDS }),
      customer.changed("active", START_SECONDS + 60, { price: "price_scale" }),
      customer.changed("active", START_SECONDS + 120, { price: "price_starter" }),
    ];
    for (const event of [checkout, back, larger, larger]) await plane.deliver(event);
    expect(await historyOf(plane, "plans")).toEqual([
      { effective_from: at(0), ordinal: 0, plan_id: "starter", source: checkout.id },
      { effective_from: at(60), ordinal: 0, plan_id: "scale", source: larger.id },
      { effective_from: at(120), ordinal: 0, plan_id: "starter", source: back.id },
    ]);
    expect(await plane.row("SELECT plan_id FROM tenants_master WHERE slug = 'plans'")).toEqual({ plan_id: "starter" });
    expect(await plane.rows("SELECT target FROM audit_logs WHERE action = 'tenant.plan_stated'")).toHaveLength(1);
  });

  test("begins with the subscription's newest state when that came before the checkout", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-early");
    const customer = new StripeCustomer("early", "eu-early");
    await plane.deliver(customer.changed("active", START_SECONDS + 60, { price: "price_scale" }));
    const checkout = customer.checkout({ created: START_SECONDS });
    await plane.deliver(checkout);
    expect(await historyOf(plane, "early")).toMatchObject([
      { effective_from: at(0), plan_id: "starter", source: checkout.id },
      { effective_from: at(60), plan_id: "scale", source: checkout.id },
    ]);
  });

  test("states nothing for a price that no plan has", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-unpriced");
    const customer = new StripeCustomer("unpriced", "eu-unpriced");
    await plane.deliver(customer.checkout());
    await plane.deliver(customer.changed("active", START_SECONDS + 60, { price: "price_unknown" }));
    expect(await historyOf(plane, "unpriced")).toHaveLength(1);
  });

  test("can neither be changed nor taken away from a tenant that is not being purged", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-kept");
    await plane.deliver(new StripeCustomer("kept", "eu-kept").checkout());
    await expect(plane.rows("UPDATE tenant_plans SET plan_id = 'free'")).rejects.toThrow("append-only");
    await expect(plane.rows("DELETE FROM tenant_plans")).rejects.toThrow("append-only");
  });
});
