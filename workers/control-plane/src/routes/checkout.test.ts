import { beforeAll, describe, expect, test } from "vitest";
import { addTenant, createTestPlane, NOON_MS, rows, seedOffer, type OutboundCall } from "../onboarding-test-kit.ts";

beforeAll(() => seedOffer());

const wish = (slug: string, more: object = {}) => ({ slug, plan: "paid", region: "eu", ...more });
const traced = (traceId: string) => ({ headers: { "x-trace-id": traceId } });

const session = (id: string) => () =>
  Response.json({ id, object: "checkout.session", url: `https://checkout.stripe.com/c/pay/${id}` });
const failure = (status: number, type: string) => () =>
  Response.json({ error: { type, message: "about ada@customer.example" } }, { status });

const NOON = new Date(NOON_MS).toISOString();

/** A version of a plan `plan` with the price `price_<plan>` and the metered prices of its meters. */
async function addMeteredPlan(
  plan: string,
  version: number,
  prices: Record<string, string | null>,
  from = "2026-01-01T00:00:00.000Z",
): Promise<void> {
  const meters = JSON.stringify(prices);
  await rows(
    `INSERT OR IGNORE INTO meters (meter_key, display_name, unit, aggregation, created_at)
     SELECT key, key, 'unit', 'sum', ?2 FROM json_each(?1)`,
    meters,
    from,
  );
  await rows(
    `INSERT INTO plans (plan_id, version, name, currency, billing_mode, stripe_price_id, effective_from, created_at)
     VALUES (?1, ?2, 'x', 'usd', 'meter_event', 'price_' || ?1, ?3, ?3)`,
    plan,
    version,
    from,
  );
  await rows(
    `INSERT INTO plan_meters (plan_id, version, meter_key, included, price_json, stripe_event_name, stripe_price_id)
     SELECT ?1, ?2, key, 0, '{"model":"flat","unitAmount":"1"}', key, value FROM json_each(?3)`,
    plan,
    version,
    meters,
  );
}

/** Stripe, which refuses a key that comes with other parameters. */
function keepKeys(id: string): (call: OutboundCall) => Response {
  const seen = new Map<string, string>();
  return (call) => {
    const [key, sent] = [keyOf(call) ?? "", call.body.toString()];
    if (seen.has(key) && seen.get(key) !== sent) return failure(400, "idempotency_error")();
    seen.set(key, sent);
    return session(`${id}_${seen.size}`)();
  };
}

const keyOf = (call: OutboundCall | undefined) => call?.headers.get("idempotency-key");

describe("POST /v1/checkout", () => {
  test("creates a session that carries what the webhook needs, and answers where to pay", async () => {
    const plane = createTestPlane(session("cs_test_1"));
    const body = wish("buyer", { name: "Buyer Inc", email: "ada@customer.example" });
    const answer = await plane.post("/v1/checkout", body, traced("trace_checkout"));
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body).toEqual({
      url: "https://checkout.stripe.com/c/pay/cs_test_1",
      session_id: "cs_test_1",
      trace_id: "trace_checkout",
    });
    const [call] = plane.calls;
    expect(call?.url).toBe("https://api.stripe.com/v1/checkout/sessions");
    expect(Object.fromEntries(call?.body ?? [])).toEqual({
      mode: "subscription",
      "line_items[0][price]": "price_paid",
      "line_items[0][quantity]": "1",
      "metadata[slug]": "buyer",
      "metadata[plan]": "paid",
      "metadata[region]": "eu",
      "metadata[trace_id]": "trace_checkout",
      "metadata[name]": "Buyer Inc",
      "subscription_data[metadata][slug]": "buyer",
      "subscription_data[metadata][plan]": "paid",
      "subscription_data[metadata][region]": "eu",
      "subscription_data[metadata][trace_id]": "trace_checkout",
      "subscription_data[metadata][name]": "Buyer Inc",
      success_url: "https://prego.example/welcome",
      customer_email: "ada@customer.example",
    });
    expect(await rows("SELECT * FROM tenants_master WHERE slug = 'buyer'")).toEqual([]);
  });

  test("records the step with a keyed hash in place of the address", async () => {
    const plane = createTestPlane(session("cs_test_2"));
    await plane.post("/v1/checkout", wish("buyer-2", { email: "grace@private.example" }), traced("trace_private"));
    const events = await rows("SELECT * FROM funnel_events WHERE trace_id = 'trace_private'");
    expect(events).toMatchObject([
      { event_type: "m_checkout_session_created", success: 1, source: "cp", email_domain: "private.example" },
    ]);
    expect(events[0]?.["email_fingerprint"]).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.parse(String(events[0]?.["payload_json"]))).toMatchObject({ stripe_session_id: "cs_test_2" });
    const steps = await rows("SELECT * FROM trace_events WHERE trace_id = 'trace_private'");
    expect(steps).toMatchObject([{ event_type: "checkout.session_created" }]);
    expect(JSON.stringify([events, steps, plane.lines])).not.toContain("grace");
  });

  test("sends Stripe one key for one request: the caller's, or one that the request makes", async () => {
    const plane = createTestPlane(session("cs_test_3"));
    const keyed = { headers: { "idempotency-key": "my-key" } };
    const first = await plane.post("/v1/checkout", wish("buyer-3"), keyed);
    const repeat = await plane.post("/v1/checkout", wish("buyer-3"), keyed);
    expect(repeat.body).toEqual(first.body);
    expect(plane.calls[1]?.body.toString()).toBe(plane.calls[0]?.body.toString());
    await plane.post("/v1/checkout", wish("buyer-3"), traced("trace_3"));
    await plane.post("/v1/checkout", wish("buyer-3"), traced("trace_3"));
    await plane.post("/v1/checkout", wish("buyer-3", { region: "us" }), traced("trace_3"));
    await plane.post("/v1/checkout", wish("buyer-3"), traced("trace_4"));
    const keys = plane.calls.map((call) => keyOf(call));
    expect(keys[1]).toBe(keys[0]);
    expect(keys[0]).toMatch(/^prego_checkout_[0-9a-f]{64}$/);
    expect(keys[3]).toBe(keys[2]);
    expect(new Set(keys).size).toBe(4);
    expect(await rows("SELECT * FROM funnel_events WHERE payload_json LIKE '%cs_test_3%'")).toHaveLength(1);
  });

  test("sells the plan's price once and every metered price of the version in force without a quantity", async () => {
    await addMeteredPlan("scale", 1, { data_gb: "price_gb_1", api_requests: "price_api_1", seats: null });
    await addMeteredPlan("scale", 2, { api_requests: "price_api_2" }, "2027-01-01T00:00:00.000Z");
    const plane = createTestPlane(session("cs_test_scale"));
    expect((await plane.post("/v1/checkout", wish("buyer-9", { plan: "scale" }))).status).toBe(201);
    expect([...(plane.calls[0]?.body ?? [])].filter(([name]) => name.startsWith("line_items"))).toEqual([
      ["line_items[0][price]", "price_scale"],
      ["line_items[0][quantity]", "1"],
      ["line_items[1][price]", "price_api_1"],
      ["line_items[2][price]", "price_gb_1"],
    ]);
  });

  test("asks anew after a new version of the plan, and under a caller's key answers 422", async () => {
    await addMeteredPlan("grown", 1, { api_requests: "price_grown_1" });
    const plane = createTestPlane(keepKeys("cs_test_grown"));
    const wanted = wish("buyer-10", { plan: "grown" });
    const keyed = { headers: { "idempotency-key": "grown-key", "x-trace-id": "trace_grown" } };
    const first = await plane.post("/v1/checkout", wanted, traced("trace_grown"));
    expect((await plane.post("/v1/checkout", wanted, keyed)).status).toBe(201);
    await addMeteredPlan("grown", 2, { api_requests: "price_grown_1", data_gb: "price_grown_2" }, NOON);
    const next = await plane.post("/v1/checkout", wanted, traced("trace_grown"));
    expect(next.status, next.text).toBe(201);
    expect(next.body["session_id"]).not.toBe(first.body["session_id"]);
    expect(await plane.post("/v1/checkout", wanted, keyed)).toMatchObject({
      status: 422,
      body: { code: "idempotency_key_reused", detail: expect.stringContaining("new version of the plan") },
    });
  });

  test("answers 422 when Stripe has seen the caller's key with another body", async () => {
    const plane = createTestPlane(failure(400, "idempotency_error"));
    const keyed = await plane.post("/v1/checkout", wish("buyer-4"), { headers: { "idempotency-key": "used" } });
    expect(keyed).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
  });

  test.each([
    ["an error of Stripe", failure(500, "api_error")],
    ["a refusal of Stripe", failure(400, "invalid_request_error")],
    ["wrong credentials", failure(401, "invalid_request_error")],
    [
      "no answer",
      () => {
        throw new TypeError("connection lost");
      },
    ],
  ])("answers 502 to %s, without Stripe's words, and records no step", async (_, answer) => {
    const plane = createTestPlane(answer);
    const response = await plane.post("/v1/checkout", wish("buyer-5"), traced("trace_failed"));
    expect(response).toMatchObject({ status: 502, body: { code: "upstream_failed", trace_id: "trace_failed" } });
    expect(JSON.stringify([response.text, plane.lines])).not.toContain("ada@customer.example");
    expect(await rows("SELECT * FROM funnel_events WHERE trace_id = 'trace_failed'")).toEqual([]);
  });

  test("answers 503 while Stripe's key is not configured", async () => {
    const plane = createTestPlane(session("cs_never"));
    const answer = await plane.post("/v1/checkout", wish("buyer-6"), { overrides: { STRIPE_SECRET_KEY: " " } });
    expect(answer).toMatchObject({ status: 503, body: { code: "not_configured" } });
    expect(plane.calls).toEqual([]);
  });

  test("asks Stripe for nothing that could not become a tenant", async () => {
    await addTenant("t-held", { slug: "held" });
    const plane = createTestPlane(session("cs_never"));
    const refusals = [
      [wish("held"), 409, "slug_taken"],
      [wish("admin"), 409, "slug_taken"],
      [wish("buyer-7", { plan: "free" }), 409, "conflict"],
      [wish("buyer-7", { plan: "none" }), 400, "validation_failed"],
      [wish("buyer-7", { region: "mars" }), 400, "validation_failed"],
      [wish("buyer-7", { extra: 1 }), 400, "validation_failed"],
      [wish("buyer-7", { success_url: "https://evil.example/" }), 400, "validation_failed"],
      [wish("buyer-7", { cancel_url: "javascript:alert(1)" }), 400, "validation_failed"],
    ] as const;
    for (const [body, status, code] of refusals) {
      expect(await plane.post("/v1/checkout", body)).toMatchObject({ status, body: { code } });
    }
    expect(plane.calls).toEqual([]);
  });

  test("sends payers back to where the caller wants, on our own domain", async () => {
    const plane = createTestPlane(session("cs_test_8"));
    const urls = {
      success_url: "https://www.prego.example/done?session={CHECKOUT_SESSION_ID}",
      cancel_url: "https://prego.example/plans",
    };
    expect((await plane.post("/v1/checkout", wish("buyer-8", urls))).status).toBe(201);
    expect(Object.fromEntries(plane.calls[0]?.body ?? [])).toMatchObject(urls);
  });
});
