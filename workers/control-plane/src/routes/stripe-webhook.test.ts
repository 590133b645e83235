import { describe, expect, it } from "vitest";
import { ControlPlane, seedBusiness, signBytes, START_MS, StripeCustomer } from "../control-plane-test-kit.ts";

const START_SECONDS = Math.floor(START_MS / 1_000);
const NO_CHANGE = { status: 200, body: { received: true } };

const tenantOf = (plane: ControlPlane, slug: string) =>
  plane.row<Record<string, string | null>>("SELECT * FROM tenants_master WHERE slug = ?", slug);

const storedEvent = (plane: ControlPlane, id: string) =>
  plane.row("SELECT status, error, tenant_id, trace_id FROM stripe_events WHERE event_id = ?", id);

/** Stripe sends again what was not answered with 200, such as the loser of three races. */
async function sendAgain(plane: ControlPlane, events: object[], answers: { status: number }[]): Promise<void> {
  for (const [index, { status }] of answers.entries()) {
    if (status !== 200) await plane.deliver(events[index] ?? {});
  }
}

describe("POST /webhooks/stripe", () => {
  it("refuses what is not signed, or signed wrongly, with 400 and stores nothing", async () => {
    const plane = new ControlPlane();
    const body = JSON.stringify(new StripeCustomer("unsigned", "eu").checkout());
    const headers = [
      {},
      { "stripe-signature": "t=1,v1=00" },
      { "stripe-signature": await signBytes(body, START_SECONDS - 301) },
      { "stripe-signature": await signBytes(body, START_SECONDS + 302) },
      { "stripe-signature": await signBytes(`${body} `, START_SECONDS) },
    ];
    for (const header of headers) {
      const response = await plane.send("/webhooks/stripe", { method: "POST", headers: header, body });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: "signature_invalid" });
    }
    expect(await plane.rows("SELECT 1 FROM stripe_events WHERE event_id LIKE 'evt_unsigned%'")).toEqual([]);
  });

  it.each([undefined, "", "  "])("answers 503 while its secret is %j", async (secret) => {
    const plane = new ControlPlane();
    plane.bindings = { ...plane.bindings, STRIPE_WEBHOOK_SECRET: secret } as never;
    const answer = await plane.deliver(new StripeCustomer("blank", "eu").checkout());
    expect(answer).toMatchObject({ status: 503, body: { code: "not_configured" } });
  });

  it("refuses a body above 256 KiB with 413 before it looks at the signature", async () => {
    const response = await new ControlPlane().send("/webhooks/stripe", { method: "POST", body: "x".repeat(262_145) });
    expect(response.status).toBe(413);
  });

  it("accepts the previous secret while it is rotated out", async () => {
    const plane = new ControlPlane({ STRIPE_WEBHOOK_SECRET_PREVIOUS: "whsec_old" });
    const event = new StripeCustomer("rotated", "eu").event("customer.created", {});
    expect(await plane.deliver(event, { secret: "whsec_old" })).toEqual(NO_CHANGE);
  });

  it("refuses signed JSON that is no event", async () => {
    expect(await new ControlPlane().deliver({ object: "event" })).toMatchObject({ status: 400 });
  });

  it("does nothing about a copy, and says so", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-copy");
    const event = new StripeCustomer("copy-me", "eu-copy").checkout();
    expect(await plane.deliver(event)).toEqual(NO_CHANGE);
    const before = await plane.row("SELECT (SELECT count(*) FROM audit_logs) a, (SELECT count(*) FROM trace_events) t");
    expect(await plane.deliver(event)).toEqual({ status: 200, body: { received: true, duplicate: true } });
    const after = await plane.row("SELECT (SELECT count(*) FROM audit_logs) a, (SELECT count(*) FROM trace_events) t");
    expect(after).toEqual(before);
  });

  it("applies an event once that arrives eight times at once", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-at-once");
    const event = new StripeCustomer("at-once", "eu-at-once").checkout();
    const answers = await Promise.all(Array.from({ length: 8 }, () => plane.deliver(event)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    expect(answers.filter(({ body }) => !("duplicate" in (body as object)))).toHaveLength(1);
    const tenant = await tenantOf(plane, "at-once");
    expect(await plane.rows("SELECT 1 FROM provision_jobs WHERE tenant_id = ?", tenant?.["tenant_id"])).toHaveLength(1);
    expect(plane.calls.filter(({ url }) => url.endsWith("/dispatches"))).toHaveLength(1);
  });

  it("joins a checkout and its subscription that arrive at the same moment", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-join", 100);
    for (let round = 0; round < 10; round += 1) {
      const customer = new StripeCustomer(`join-${round}`, "eu-join");
      const events = [
        customer.checkout(),
        customer.changed("past_due"),
        customer.changed("canceled", START_SECONDS + 5),
      ];
      const answers = await Promise.all(events.map((event) => plane.deliver(event)));
      await sendAgain(plane, events, answers);
      expect(await tenantOf(plane, `join-${round}`)).toMatchObject({
        status: "Pending_Deletion",
        subscription_status: "canceled",
      });
    }
  });

  it("writes tenant, job, dispatch, trace, audit and funnel rows of a checkout together", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-rows");
    const customer = new StripeCustomer("rows", "eu-rows");
    const event = customer.checkout();
    await plane.deliver(event);
    const tenant = await tenantOf(plane, "rows");
    expect(await storedEvent(plane, event.id)).toEqual({
      status: "processed",
      error: null,
      tenant_id: tenant?.["tenant_id"],
      trace_id: "trace_rows",
    });
    const trace = await plane.rows(
      "SELECT event_type, source FROM trace_events WHERE trace_id = 'trace_rows' AND event_type <> 'provision.dispatched' ORDER BY ts, id",
    );
    expect(trace.map((row) => row["event_type"])).toEqual([
      "checkout.completed",
      "tenant.created",
      "tenant.state_changed",
      "provision.queued",
    ]);
    const audit = await plane.rows(
      "SELECT actor, action FROM audit_logs WHERE tenant_id = ? ORDER BY seq",
      tenant?.["tenant_id"],
    );
    expect(audit).toEqual([
      { actor: "stripe", action: "tenant.created" },
      { actor: "stripe", action: "tenant.state_changed" },
      { actor: "stripe", action: "provision.queued" },
      { actor: "cron:dispatch", action: "provision.dispatched" },
    ]);
    const funnel = await plane.rows(
      "SELECT event_type, source, success, payload_json FROM funnel_events WHERE trace_id = 'trace_rows' ORDER BY id",
    );
    expect(funnel).toMatchObject([
      { event_type: "m_stripe_webhook_checkout_complete", source: "stripe_webhook", success: 1 },
      { event_type: "m_provision_job_created", source: "cp", success: 1 },
    ]);
    expect(funnel[0]?.["payload_json"]).toContain(event.id);
  });

  it("undoes everything when one row cannot be written, and succeeds when it is sent again", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-undo");
    const event = new StripeCustomer("undo", "eu-undo").checkout();
    const { DB } = plane.bindings;
    await DB.prepare(
      "CREATE TRIGGER no_audit BEFORE INSERT ON audit_logs WHEN NEW.action = 'provision.queued' BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    ).run();
    expect((await plane.deliver(event)).status).toBe(500);
    expect(await tenantOf(plane, "undo")).toBeUndefined();
    expect(await storedEvent(plane, event.id)).toBeUndefined();
    await DB.prepare("DROP TRIGGER no_audit").run();
    expect(await plane.deliver(event)).toEqual(NO_CHANGE);
    expect(await tenantOf(plane, "undo")).toMatchObject({ status: "Provisioning" });
  });

  it("ends alike in any order through the database", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-order", 100);
    const orders = [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [1, 3, 0, 2],
      [2, 0, 3, 1],
      [3, 0, 1, 2],
    ];
    const ends = new Set<string>();
    for (const [index, order] of orders.entries()) {
      const customer = new StripeCustomer(`order-${index}`, "eu-order");
      const events = [
        customer.changed("active", START_SECONDS),
        customer.checkout({ created: START_SECONDS + 1 }),
        customer.changed("past_due", START_SECONDS + 2, { price: "price_scale" }),
        customer.changed("paused", START_SECONDS + 3, { price: "price_scale" }),
      ];
      for (const position of order) await plane.deliver(events[position] ?? {});
      const tenant = await tenantOf(plane, `order-${index}`);
      ends.add(JSON.stringify([tenant?.["status"], tenant?.["subscription_status"], tenant?.["plan_id"]]));
    }
    expect([...ends]).toEqual(['["Suspended","paused","scale"]']);
  });
});

describe("events that change nothing", () => {
  it.each<[string, (customer: StripeCustomer) => { id: string }, object]>([
    ["an unknown type", (c) => c.event("radar.early_fraud_warning.created", {}), { status: "ignored", error: null }],
    [
      "a live event in test mode",
      (c) => ({ ...c.checkout(), livemode: true }),
      { status: "quarantined", error: "livemode_mismatch" },
    ],
    [
      "another account's event",
      (c) => ({ ...c.checkout(), account: "acct_9" }),
      { status: "quarantined", error: "foreign_account" },
    ],
    [
      "an event of another context",
      (c) => ({ ...c.checkout(), context: "ctx_9" }),
      { status: "quarantined", error: "foreign_account" },
    ],
    [
      "a checkout without metadata",
      (c) => c.checkout({ metadata: {} }),
      { status: "failed", error: "metadata_missing" },
    ],
    [
      "a subscription without a customer",
      (c) => c.event("customer.subscription.updated", { id: "sub_x" }),
      { status: "failed", error: "subscription_unreadable" },
    ],
  ])("%s is answered 200 and kept", async (title, make, expected) => {
    const plane = new ControlPlane();
    const event = make(new StripeCustomer(`nothing-${title.replaceAll(/[^a-z]/g, "-")}`, "eu-nothing"));
    expect(await plane.deliver(event)).toEqual(NO_CHANGE);
    expect(await storedEvent(plane, event.id)).toMatchObject(expected);
    expect(await plane.rows("SELECT 1 FROM tenants_master WHERE slug LIKE 'nothing-%'")).toEqual([]);
  });

  it("are counted by /health while they wait for a person", async () => {
    const plane = new ControlPlane();
    await plane.deliver(new StripeCustomer("counted", "eu").checkout({ metadata: {} }));
    const { body } = await plane.get<{ notes: string[]; missing: string[] }>("/health");
    expect(body.missing).toEqual([]);
    expect(body.notes.find((note) => note.startsWith("stripe_events.failed: "))).toMatch(
      /^stripe_events\.failed: [1-9]/,
    );
  });

  it("leave an audit row when they are quarantined or failed", async () => {
    const plane = new ControlPlane();
    const event = { ...new StripeCustomer("audited", "eu").checkout(), livemode: true };
    await plane.deliver(event);
    expect(await plane.row("SELECT action FROM audit_logs WHERE target = ?", `stripe_events/${event.id}`)).toEqual({
      action: "stripe.event_quarantined",
    });
  });

  it("keep the meter of a thin report for whoever looks into it", async () => {
    const plane = new ControlPlane();
    const thin = {
      id: "evt_thin_1",
      object: "v2.core.event",
      type: "v1.billing.meter.error_report_triggered",
      created: new Date(START_MS).toISOString(),
      livemode: false,
      related_object: { id: "mtr_1", type: "billing.meter", url: "/v1/billing/meters/mtr_1" },
    };
    expect(await plane.deliver(thin)).toEqual(NO_CHANGE);
    const stored = await storedEvent(plane, "evt_thin_1");
    expect(stored).toMatchObject({ status: "processed" });
    expect(JSON.parse(String(stored?.["error"]))).toEqual({ meter: "mtr_1", type: thin.type });
    const other = { ...thin, id: "evt_thin_2", type: "v1.customer.created" };
    await plane.deliver(other);
    expect(await storedEvent(plane, "evt_thin_2")).toMatchObject({ status: "ignored", error: null });
  });
});

describe("two states of one second", () => {
  async function tie(plane: ControlPlane, slug: string): Promise<StripeCustomer> {
    await seedBusiness(plane, `eu-${slug}`);
    const customer = new StripeCustomer(slug, `eu-${slug}`);
    await plane.deliver(customer.checkout());
    await plane.deliver(customer.changed("active", START_SECONDS));
    return customer;
  }

  it("are settled by Stripe's own object, in its older or newer shape", async () => {
    const plane = new ControlPlane();
    const customer = await tie(plane, "tie-asked");
    const { items: _items, ...older } = customer.subscription("unpaid");
    plane.outbound = () => Response.json({ ...older, current_period_end: 1_805_000_000 });
    plane.calls.length = 0;
    expect(await plane.deliver(customer.changed("past_due", START_SECONDS))).toEqual(NO_CHANGE);
    expect(plane.calls).toMatchObject([
      { method: "GET", url: `https://api.stripe.com/v1/subscriptions/${customer.subscriptionId}` },
    ]);
    expect(await tenantOf(plane, "tie-asked")).toMatchObject({
      status: "Suspended",
      subscription_status: "unpaid",
      current_period_end: "2027-03-14T04:53:20.000Z",
    });
  });

  it("are sent again by Stripe when it cannot be asked, and nothing is stored", async () => {
    const plane = new ControlPlane();
    const customer = await tie(plane, "tie-down");
    const event = customer.changed("past_due", START_SECONDS);
    plane.outbound = () => Response.json({ error: { message: "down" } }, { status: 500 });
    expect(await plane.deliver(event)).toMatchObject({ status: 502, body: { code: "upstream_failed" } });
    plane.bindings = { ...plane.bindings, STRIPE_SECRET_KEY: " " };
    expect(await plane.deliver(event)).toMatchObject({ status: 503, body: { code: "not_configured" } });
    expect(await storedEvent(plane, event.id)).toBeUndefined();
    expect(await tenantOf(plane, "tie-down")).toMatchObject({ subscription_status: "active" });
  });
});

describe("events about money", () => {
  it("leave a trace and an audit row, and the state follows the subscription alone", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-money");
    const customer = new StripeCustomer("money", "eu-money");
    await plane.deliver(customer.checkout());
    const older = { id: "in_1", subscription: customer.subscriptionId };
    const newer = { id: "in_2", parent: { subscription_details: { subscription: customer.subscriptionId } } };
    const charge = { id: "ch_1", customer: customer.customerId };
    const dispute = { id: "dp_1", charge: { id: "ch_1", customer: customer.customerId } };
    await plane.deliver(customer.event("invoice.payment_failed", older));
    await plane.deliver(customer.event("invoice.paid", newer));
    await plane.deliver(customer.event("charge.refunded", charge));
    await plane.deliver(customer.event("charge.dispute.created", dispute));
    const tenant = await tenantOf(plane, "money");
    expect(tenant).toMatchObject({ status: "Provisioning" });
    const audit = await plane.rows(
      "SELECT action FROM audit_logs WHERE tenant_id = ? AND target LIKE 'stripe_events/%' ORDER BY seq",
      tenant?.["tenant_id"],
    );
    expect(audit.map((row) => row["action"])).toEqual([
      "invoice.payment_failed",
      "invoice.paid",
      "charge.refunded",
      "charge.disputed",
    ]);
    const trace = await plane.rows(
      "SELECT event_type, level FROM trace_events WHERE trace_id = 'trace_money' AND event_type LIKE 'invoice.%' ORDER BY ts, id",
    );
    expect(trace).toHaveLength(2);
    expect(trace).toContainEqual({ event_type: "invoice.payment_failed", level: "warn" });
  });
});

describe("placement of a checkout", () => {
  it("gives the last slot to one of two, and lets the other wait for capacity", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-last", 1);
    const events = ["last-a", "last-b", "last-c"].map((slug) => new StripeCustomer(slug, "eu-last").checkout());
    const answers = await Promise.all(events.map((event) => plane.deliver(event)));
    await sendAgain(plane, events, answers);
    const jobs = await plane.rows(
      "SELECT status, node_id FROM provision_jobs WHERE region = 'eu-last' ORDER BY node_id DESC",
    );
    expect(jobs).toEqual([
      { status: "dispatched", node_id: "node-eu-last" },
      { status: "queued_capacity", node_id: null },
      { status: "queued_capacity", node_id: null },
    ]);
    expect(plane.calls).toHaveLength(1);
  });

  it("never overwrites a tenant whose slug is claimed again", async () => {
    const plane = new ControlPlane();
    await seedBusiness(plane, "eu-claim");
    const customer = new StripeCustomer("claimed-slug", "eu-claim");
    await plane.deliver(customer.checkout());
    const before = await tenantOf(plane, "claimed-slug");
    const second = customer.checkout({ subscription: "sub_other_claim", customer: "cus_other_claim" });
    expect(await plane.deliver(second)).toEqual(NO_CHANGE);
    expect(await storedEvent(plane, second.id)).toMatchObject({ status: "failed", error: "slug_taken" });
    expect(await tenantOf(plane, "claimed-slug")).toEqual(before);
  });
});
