import { describe, expect, it } from "vitest";
import { ControlPlane, SECRETS, START_MS } from "../control-plane-test-kit.ts";

const KEY = SECRETS.INTERNAL_API_KEY;

interface PlanAnswer {
  plan: Record<string, unknown> & { version: number; effective_from: string };
}

async function openPlane(): Promise<ControlPlane> {
  const plane = new ControlPlane();
  for (const meter_key of ["api_requests", "data_gb"]) {
    const meter = { meter_key, display_name: meter_key, unit: "unit", aggregation: "sum" };
    await plane.post("/internal/meters", KEY, meter);
  }
  return plane;
}

const planOf = (plan_id: string, changes: Record<string, unknown> = {}) => ({
  plan_id,
  name: "Starter",
  currency: "eur",
  billing_mode: "invoice_item",
  pool_included: "0.000001",
  meters: [
    { meter_key: "data_gb", included: "0.000001", price: { model: "flat", unit_amount: "0.000000000001" } },
    {
      meter_key: "api_requests",
      included: "999999999999.999999",
      pool_weight: "0.5",
      price: {
        model: "graduated",
        tiers: [
          { up_to: "1000", unit_amount: "0.1", flat_amount: "5" },
          { up_to: null, unit_amount: "0.05" },
        ],
      },
    },
  ],
  ...changes,
});

const eventMeter = (meter_key: string, stripe_price_id?: string | null) => ({
  meter_key,
  included: "5",
  price: { model: "flat", unit_amount: "2" },
  stripe_event_name: meter_key,
  ...(stripe_price_id === undefined ? {} : { stripe_price_id }),
});

/** A plan in mode meter_event whose meters have these metered prices. */
const meteredPlan = (plan_id: string, prices: readonly (string | null)[], changes: Record<string, unknown> = {}) => ({
  plan_id,
  name: "Scale",
  currency: "eur",
  billing_mode: "meter_event",
  stripe_price_id: `price_${plan_id}`,
  meters: prices.map((price, index) => eventMeter(["api_requests", "data_gb"][index] ?? `meter_${index}`, price)),
  ...changes,
});

const save = (plane: ControlPlane, body: unknown) => plane.post<PlanAnswer>("/internal/plans", KEY, body);

describe("POST /internal/plans", () => {
  it("makes version 1 and keeps every decimal exactly", async () => {
    const plane = await openPlane();
    const { status, body } = await save(plane, planOf("exact"));
    expect(status).toBe(201);
    expect(body.plan).toMatchObject({
      plan_id: "exact",
      version: 1,
      stripe_price_id: null,
      pool_included: "0.000001",
      effective_from: "2026-11-21T02:16:33.123Z",
    });
    const read = await plane.get<{ versions: { meters: unknown[]; pool_included: string }[] }>("/internal/plans/exact");
    expect(read.body.versions).toHaveLength(1);
    expect(read.body.versions[0]).toMatchObject({
      pool_included: "0.000001",
      meters: [
        { meter_key: "api_requests", included: "999999999999.999999", pool_weight: "0.5" },
        { meter_key: "data_gb", included: "0.000001", price: { model: "flat", unit_amount: "0.000000000001" } },
      ],
    });
    expect(await plane.row("SELECT price_json FROM plan_meters WHERE plan_id = 'exact' LIMIT 1")).toEqual({
      price_json:
        '{"model":"graduated","tiers":[{"upTo":"1000","unitAmount":"0.1","flatAmount":"5"},{"upTo":null,"unitAmount":"0.05"}]}',
    });
    expect(await plane.rows("SELECT actor FROM audit_logs WHERE target = 'plans/exact'")).toHaveLength(1);
  });

  it("answers a repeat with the version that is there, the meters in any order", async () => {
    const plane = await openPlane();
    const wish = planOf("repeat", { effective_from: "2026-12-01T00:00:00Z" });
    expect((await save(plane, wish)).status).toBe(201);
    plane.nowMs = Date.UTC(2026, 11, 24);
    const again = await save(plane, { ...wish, meters: wish.meters.toReversed() });
    expect(again).toMatchObject({ status: 200, body: { plan: { version: 1 } } });
    expect(await plane.rows("SELECT 1 FROM plans WHERE plan_id = 'repeat'")).toHaveLength(1);
  });

  it("supersedes, and never edits, what is in use", async () => {
    const plane = await openPlane();
    await save(plane, planOf("super"));
    const before = await plane.rows("SELECT * FROM plan_meters WHERE plan_id = 'super'");
    const next = await save(plane, planOf("super", { name: "Starter 2", effective_from: "2026-12-01T00:00:00Z" }));
    expect(next).toMatchObject({ status: 201, body: { plan: { version: 2, name: "Starter 2" } } });
    expect(await plane.rows("SELECT * FROM plan_meters WHERE plan_id = 'super' AND version = 1")).toEqual(before);
    const early = await save(plane, planOf("super", { name: "Starter 3" }));
    expect(early).toMatchObject({ status: 400, body: { errors: [{ pointer: "/effective_from" }] } });
    const past = await save(plane, planOf("super", { name: "S", effective_from: "2026-11-21T02:16:33.122Z" }));
    expect(past).toMatchObject({ status: 400, body: { errors: [{ pointer: "/effective_from" }] } });
  });

  it("keeps the currency of a plan, whatever the version", async () => {
    const plane = await openPlane();
    await save(plane, planOf("kept-currency"));
    const other = await save(
      plane,
      planOf("kept-currency", { currency: "usd", effective_from: "2026-12-01T00:00:00Z" }),
    );
    expect(other).toMatchObject({ status: 400, body: { errors: [{ pointer: "/currency" }] } });
    expect(await plane.rows("SELECT version FROM plans WHERE plan_id = 'kept-currency'")).toHaveLength(1);
  });

  it("numbers versions without a gap when several are made at once", async () => {
    const plane = await openPlane();
    const names = ["A", "B", "C"];
    const answers = await Promise.all(names.map((name) => save(plane, planOf("race", { name }))));
    expect(answers.map(({ body }) => body.plan.version).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    const audits = await plane.rows("SELECT 1 FROM audit_logs WHERE target = 'plans/race'");
    expect(audits).toHaveLength(3);
  });

  it("keeps the metered price of each meter, and shows it", async () => {
    const plane = await openPlane();
    const plan = meteredPlan("metered", ["price_m_api", null]);
    const meters = [{ stripe_price_id: "price_m_api" }, { stripe_price_id: null }];
    expect(await save(plane, plan)).toMatchObject({ status: 201, body: { plan: { meters } } });
    expect(await save(plane, plan)).toMatchObject({ status: 200, body: { plan: { version: 1, meters } } });
    expect((await plane.get("/internal/plans/metered")).body).toMatchObject({ versions: [{ meters }] });
    expect(JSON.stringify((await plane.get("/internal/plans?limit=500")).body)).toContain('"price_m_api"');
    const next = await save(plane, meteredPlan("metered", ["price_m_api", "price_m_gb"]));
    expect(next).toMatchObject({ status: 201, body: { plan: { version: 2 } } });
    const { body: document } = await plane.get("/openapi.json");
    expect(JSON.stringify(document).match(/"stripe_price_id"/g)).toHaveLength(2);
  });

  it.each([
    ["the price of another plan", meteredPlan("mine", [], { stripe_price_id: "price_theirs" }), "/stripe_price_id"],
    ["its metered price", meteredPlan("mine", [], { stripe_price_id: "price_t_api" }), "/stripe_price_id"],
    ["its metered price for a meter", meteredPlan("mine", [null, "price_t_api"]), "/meters/1/stripe_price_id"],
    ["its price for a meter", meteredPlan("mine", ["price_theirs"]), "/meters/0/stripe_price_id"],
    ["a price of its version before", meteredPlan("mine", ["price_t_old"]), "/meters/0/stripe_price_id"],
  ])("refuses %s", async (_, wish, pointer) => {
    const plane = await openPlane();
    await save(plane, meteredPlan("theirs", ["price_t_old"]));
    await save(plane, meteredPlan("theirs", ["price_t_api"]));
    const errors = [{ pointer, message: "Another plan names this price" }];
    expect(await save(plane, wish)).toMatchObject({ status: 400, body: { code: "validation_failed", errors } });
    expect(await plane.rows("SELECT 1 FROM plans WHERE plan_id = 'mine'")).toEqual([]);
  });

  it("gives a price to one of two plans that name it at once", async () => {
    const plane = await openPlane();
    const wishes = [
      meteredPlan("twin_a", [], { stripe_price_id: "price_twin" }),
      meteredPlan("twin_b", ["price_twin"]),
    ];
    const answers = await Promise.all(wishes.map((wish) => save(plane, wish)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 400]);
    const named = await plane.rows(`SELECT plan_id FROM plans WHERE stripe_price_id = 'price_twin'
      UNION ALL SELECT plan_id FROM plan_meters WHERE stripe_price_id = 'price_twin'`);
    expect(named).toHaveLength(1);
    expect(await plane.rows("SELECT 1 FROM audit_logs WHERE target LIKE 'plans/twin%'")).toHaveLength(1);
  });

  it("lets a version take effect within 366 days and not later", async () => {
    const plane = await openPlane();
    const ahead = (ms: number) => new Date(plane.nowMs + 366 * 86_400_000 + ms).toISOString();
    expect(await save(plane, planOf("ahead", { effective_from: ahead(1) }))).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: "/effective_from", message: "At most 366 days ahead" }] },
    });
    expect(await save(plane, planOf("ahead", { effective_from: ahead(0) }))).toMatchObject({ status: 201 });
  });

  const twenty = Array.from({ length: 20 }, (_, index) => `price_${index}`);

  it.each([
    ["outside mode meter_event", meteredPlan("bad", ["price_b"], { billing_mode: "invoice_item" }), 0],
    ["twice", meteredPlan("bad", ["price_b", "price_b"]), 1],
    ["that is the plan's own", meteredPlan("bad", [null, "price_bad"]), 1],
    ["that is no id", meteredPlan("bad", ["price/b"]), 0],
    ["too many for one subscription", meteredPlan("bad", twenty), 19],
  ])("refuses a metered price %s", async (_, wish, index) => {
    const plane = await openPlane();
    const errors = [{ pointer: `/meters/${index}/stripe_price_id` }];
    expect(await save(plane, wish)).toMatchObject({ status: 400, body: { code: "validation_failed", errors } });
  });

  it.each([
    [
      "an unknown meter",
      { meters: [{ meter_key: "nope", included: "0", price: { model: "flat", unit_amount: "1" } }] },
    ],
    ["a currency with whole amounts only", { currency: "isk" }],
    ["another one", { currency: "ugx" }],
    ["a currency with a step of ten", { currency: "kwd" }],
    ["no currency", { currency: "EUR" }],
    [
      "a rate as a number",
      { meters: [{ meter_key: "data_gb", included: "0", price: { model: "flat", unit_amount: 1 } }] },
    ],
    [
      "a negative allowance",
      { meters: [{ meter_key: "data_gb", included: "-1", price: { model: "flat", unit_amount: "1" } }] },
    ],
    ["seven decimals", { pool_included: "0.0000001" }],
    ["a member too many", { planId: "x" }],
    ["meter_event without an event name", { billing_mode: "meter_event" }],
    ["a weight without a pool", { pool_included: null }],
    ["an instant that is none", { effective_from: "tomorrow" }],
    [
      "tiers that do not ascend",
      {
        meters: [
          {
            meter_key: "data_gb",
            included: "0",
            price: {
              model: "volume",
              tiers: [
                { up_to: "2", unit_amount: "1" },
                { up_to: "2", unit_amount: "1" },
                { up_to: null, unit_amount: "1" },
              ],
            },
          },
        ],
      },
    ],
    [
      "camelCase in a price",
      { meters: [{ meter_key: "data_gb", included: "0", price: { model: "flat", unitAmount: "1" } }] },
    ],
  ])("refuses %s and stores nothing", async (_, changes) => {
    const plane = await openPlane();
    expect(await save(plane, planOf("refused", changes))).toMatchObject({
      status: 400,
      body: { code: "validation_failed" },
    });
    expect(await plane.rows("SELECT 1 FROM plans WHERE plan_id = 'refused'")).toEqual([]);
  });

  it("is what a signup and a checkout then find", async () => {
    const plane = await openPlane();
    await save(plane, planOf("sold", { stripe_price_id: "price_sold" }));
    expect(await plane.row("SELECT stripe_price_id, effective_from FROM plans WHERE plan_id = 'sold'")).toEqual({
      stripe_price_id: "price_sold",
      effective_from: new Date(START_MS).toISOString(),
    });
  });
});

describe("GET /internal/plans", () => {
  it("pages through every version once", async () => {
    const plane = await openPlane();
    for (const name of ["A", "B", "C"]) {
      await save(plane, planOf("paged", { name }));
      plane.nowMs += 1_000;
    }
    const seen: string[] = [];
    let query = "?limit=2";
    for (let page = 0; page < 20; page += 1) {
      const { body } = await plane.get<{
        plans: { plan_id: string; version: number; meters: unknown[] }[];
        next_cursor: string | null;
      }>(`/internal/plans${query}`);
      seen.push(...body.plans.map(({ plan_id, version }) => `${plan_id} ${version}`));
      if (body.next_cursor === null) break;
      query = `?limit=2&cursor=${body.next_cursor}`;
    }
    expect(seen.filter((entry) => entry.startsWith("paged"))).toEqual(["paged 1", "paged 2", "paged 3"]);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("knows no other plan", async () => {
    const plane = await openPlane();
    expect((await plane.get("/internal/plans/none-such")).status).toBe(404);
    expect((await plane.get("/internal/plans", "wrong")).status).toBe(401);
  });
});

describe("meters", () => {
  const meter = { meter_key: "storage_gb", display_name: "Storage", unit: "GB", aggregation: "max" };

  it("are made once, repeated without effect, and never redefined", async () => {
    const plane = await openPlane();
    const answers = await Promise.all([1, 2].map(() => plane.post("/internal/meters", KEY, meter)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 201]);
    const other = await plane.post("/internal/meters", KEY, { ...meter, aggregation: "sum" });
    expect(other).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(await plane.rows("SELECT 1 FROM audit_logs WHERE target = 'meters/storage_gb'")).toHaveLength(1);
  });

  it("may count distinct values, and say which property of a CloudEvent holds them", async () => {
    const plane = await openPlane();
    const devices = { ...meter, meter_key: "a_devices", aggregation: "unique", value_property: "device_id" };
    expect(await plane.post("/internal/meters", KEY, devices)).toMatchObject({ status: 201 });
    const { body: document } = await plane.get("/openapi.json");
    expect(JSON.stringify(document)).toContain('"enum":["sum","count","max","last","unique"]}');
    const { body } = await plane.get<{ meters: unknown[] }>("/internal/meters?limit=1");
    expect(body.meters).toMatchObject([{ meter_key: "a_devices", aggregation: "unique", value_property: "device_id" }]);
    await plane.rows("DELETE FROM meters WHERE meter_key = 'a_devices' RETURNING 1");
  });

  it.each(["status", "path"])("may not count the property %s: events have a field of that name", async (name) => {
    const plane = await openPlane();
    expect(await plane.post("/internal/meters", KEY, { ...meter, value_property: name })).toMatchObject({
      status: 400,
    });
  });

  it("are at most a thousand, because everyone reads all of them", async () => {
    const plane = await openPlane();
    await plane.rows(
      `INSERT INTO meters SELECT 'many_' || value, 'M', 'm', 'sum', NULL, '2026' FROM json_each(?1)
        WHERE (SELECT count(*) FROM meters) + key < 999 RETURNING 1`,
      JSON.stringify(Array.from({ length: 1_000 }, (_, index) => index)),
    );
    const add = (key: string) => plane.post("/internal/meters", KEY, { ...meter, meter_key: key });
    const answers = await Promise.all(["one_more_a", "one_more_b"].map(add));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
    await plane.rows("DELETE FROM meters WHERE meter_key LIKE 'many%' OR meter_key LIKE 'one%' RETURNING 1");
  });

  it("are listed in pages", async () => {
    const plane = await openPlane();
    await plane.post("/internal/meters", KEY, meter);
    const first = await plane.get<{ meters: { meter_key: string }[]; next_cursor: string }>("/internal/meters?limit=1");
    expect(first.body.meters).toMatchObject([{ meter_key: "api_requests", aggregation: "sum", value_property: null }]);
    const second = await plane.get(`/internal/meters?cursor=${first.body.next_cursor}`);
    expect(second.body).toMatchObject({ meters: [{ meter_key: "data_gb" }, { meter_key: "storage_gb" }] });
  });
});
