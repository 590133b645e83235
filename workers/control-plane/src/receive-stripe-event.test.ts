import { describe, expect, it } from "vitest";
import { ControlPlane, seedBusiness, StripeCustomer } from "./control-plane-test-kit.ts";

describe("an event and the database", () => {
  it("finds its own work done when the database's answer was lost", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-lost");
    const event = new StripeCustomer("lost", "eu-lost").checkout();
    const { DB } = plane.bindings;
    const forgetful = new Proxy(DB, {
      get: (target, name) => {
        if (name !== "batch") return (Reflect.get(target, name) as (...values: unknown[]) => unknown).bind(target);
        return async (statements: D1PreparedStatement[]) => {
          const results = await target.batch(statements);
          if (results.some(({ meta }) => meta.changes > 0)) throw new Error("D1_ERROR: Network connection lost.");
          return results;
        };
      },
    });
    plane.bindings = { ...plane.bindings, DB: forgetful };
    expect((await plane.deliver(event)).status).toBe(500);
    plane.bindings = { ...plane.bindings, DB };
    expect(await plane.deliver(event)).toEqual({ status: 200, body: { received: true, duplicate: true } });
    const tenant = await plane.row<{ tenant_id: string }>("SELECT tenant_id FROM tenants_master WHERE slug = 'lost'");
    expect(await plane.rows("SELECT 1 FROM provision_jobs WHERE tenant_id = ?", tenant?.tenant_id)).toHaveLength(1);
  });

  it("takes two calls of the database an event: one that reads everything, one that writes", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-calls");
    const customer = new StripeCustomer("calls", "eu-elsewhere");
    const { DB } = plane.bindings;
    const counted = { prepared: 0, batched: 0, batches: 0 };
    const counting: Partial<D1Database> = {
      prepare: (text) => {
        counted.prepared += 1;
        return DB.prepare(text);
      },
      batch: (statements) => {
        counted.batches += 1;
        counted.batched += statements.length;
        return DB.batch(statements);
      },
    };
    plane.bindings = { ...plane.bindings, DB: counting as D1Database };
    const invoice = customer.event("invoice.paid", { id: "in_calls", subscription: customer.subscriptionId });
    for (const event of [customer.checkout(), customer.changed("active"), invoice]) {
      Object.assign(counted, { prepared: 0, batched: 0, batches: 0 });
      expect(await plane.deliver(event)).toEqual({ status: 200, body: { received: true } });
      expect(counted).toMatchObject({ batches: 2, batched: counted.prepared });
    }
  });
});
