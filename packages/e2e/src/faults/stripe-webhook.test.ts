import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import Stripe from "stripe";
import { expect, test } from "vitest";
import { createWorker } from "@prego/control-plane/app";
import { faultyBindings } from "./fault-injector.ts";
import { bindings, createTestRuntime, insertRow, noNetwork, selectRows } from "./fault-test-kit.ts";
import { sweepFaults } from "./sweep.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const SECRET = "whsec_faults";
const stripe = new Stripe("sk_test_faults");

const checkout = (name: string) => ({
  id: `evt_${name}`,
  object: "event",
  api_version: "2026-10-28.endive",
  created: NOW_MS / 1_000,
  livemode: false,
  type: "checkout.session.completed",
  data: {
    object: {
      id: `cs_${name}`,
      object: "checkout.session",
      mode: "subscription",
      payment_status: "paid",
      status: "complete",
      customer: `cus_${name}`,
      subscription: `sub_${name}`,
      metadata: { slug: name, plan: "starter", region: "eu", trace_id: `trace_${name}` },
    },
  },
});

async function deliver(name: string, env: object): Promise<number> {
  const payload = JSON.stringify(checkout(name));
  const header = await stripe.webhooks.generateTestHeaderStringAsync({
    payload,
    secret: SECRET,
    timestamp: NOW_MS / 1_000,
  });
  const request = new Request("http://local/webhooks/stripe", {
    method: "POST",
    headers: { "stripe-signature": header, "content-type": "application/json" },
    body: payload,
  });
  const context = createExecutionContext();
  const app = createWorker(createTestRuntime({ nowMs: NOW_MS }, noNetwork));
  const settings = { STRIPE_WEBHOOK_SECRET: SECRET, STRIPE_LIVEMODE: "false", INTERNAL_API_KEY: "key" };
  const response = await app.fetch(request, { ...env, ...settings }, context);
  await waitOnExecutionContext(context);
  return response.status;
}

test("a checkout whose handling fails at any call makes one tenant, one job and one dispatch once Stripe resends it", async () => {
  const at = new Date(NOW_MS).toISOString();
  const plan = { plan_id: "starter", version: 1, name: "Starter", currency: "usd", billing_mode: "invoice_item" };
  await insertRow("plans", { ...plan, effective_from: at, created_at: at });
  await insertRow("nodes", {
    node_id: "node-eu",
    region: "eu",
    provider: "local",
    size: "s",
    capacity: 10_000,
    status: "active",
    created_at: at,
    updated_at: at,
  });
  const report = await sweepFaults<string>({
    prepare: (point) => Promise.resolve(`shop${point}`),
    run: (name, injector) => deliver(name, faultyBindings(bindings, injector)),
    resume: async (name) => {
      expect(await deliver(name, bindings)).toBe(200);
      expect(await deliver(name, bindings)).toBe(200);
    },
    check: async (name, fault) => {
      const label = JSON.stringify(fault);
      const tenants = await selectRows<{ tenant_id: string; status: string }>(
        "SELECT tenant_id, status FROM tenants_master WHERE slug = ?",
        name,
      );
      expect(
        tenants.map(({ status }) => status),
        label,
      ).toEqual(["Provisioning"]);
      const tenantId = tenants[0]?.tenant_id ?? "";
      const jobs = await selectRows("SELECT job_id FROM provision_jobs WHERE tenant_id = ?", tenantId);
      const dispatches = await selectRows("SELECT dispatch_id FROM dispatches WHERE tenant_id = ?", tenantId);
      const created = await selectRows(
        "SELECT seq FROM audit_logs WHERE tenant_id = ? AND action = 'tenant.created'",
        tenantId,
      );
      expect([jobs.length, dispatches.length, created.length], label).toEqual([1, 1, 1]);
    },
  });
  expect(report.calls).toBe(2);
});
