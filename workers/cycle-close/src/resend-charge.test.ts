import { beforeEach, describe, expect, test } from "vitest";
import { close, createWorld, CYCLE, HOUR_MS, outbox, type World } from "./cycle-close-test-kit.ts";
import { RESENDS_MAX } from "./limits.ts";
import { send } from "./route-test-kit.ts";
import { execute, resetDatabase, rows, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";

const REASON = { reason: "Ann restored the customer" };

async function seedFleet(mode: "invoice_item" | "meter_event", tenants: readonly string[]): Promise<void> {
  await seedPlan("basic", { mode, meters: { api_requests: { eventName: "api_calls" } } });
  for (const tenant of tenants) {
    await seedTenant(tenant);
    await seedRollup(tenant, "api_requests", { qty: 5_000_000n });
  }
}

/** A fleet whose charges Stripe has refused. */
async function rejectAll(tenants: readonly string[]): Promise<World> {
  await seedFleet("invoice_item", tenants);
  const world = createWorld();
  world.stripe.fault = (path) => (path.startsWith("POST") ? "400" : undefined);
  await close(world);
  world.stripe.fault = () => undefined;
  return world;
}

const idOf = async (tenant: string): Promise<string> => {
  const [row] = await rows<{ identifier: string }>(
    "SELECT identifier FROM stripe_usage_outbox WHERE tenant_id = ?",
    tenant,
  );
  return row?.identifier ?? "";
};

const resend = (world: World, id: string, body: unknown = REASON): Promise<Response> =>
  send(world, `/cycle-close/charges/${id}/resend`, { method: "POST", body });

beforeEach(resetDatabase);

describe("a rejected charge that an operator sends again", () => {
  test("is looked up, then sent once under a key that no call used before, with the actor and the reason on record", async () => {
    const world = await rejectAll(["t1"]);
    const response = await resend(world, await idOf("t1"));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      charge: { tenant_id: "t1", status: "pending", attempts: 1, error: expect.stringContaining("amount_too_large") },
    });
    world.clock.nowMs += HOUR_MS;
    world.stripe.calls.length = 0;
    const before = await rows("SELECT intent_at FROM stripe_usage_outbox");
    expect((await close(world)).outbox).toMatchObject({ sent: 1, rejected: 0 });
    expect(world.stripe.calls).toEqual(["GET /v1/invoiceitems", "POST /v1/invoiceitems"]);
    expect(world.stripe.items).toHaveLength(1);
    expect(await rows("SELECT intent_at FROM stripe_usage_outbox")).not.toEqual(before);
    expect(await rows("SELECT payload_json ->> '$.look_up_first' AS flag FROM stripe_usage_outbox")).toEqual([
      { flag: null },
    ]);
    const [audit] = await rows<{ actor: string; detail: string }>(
      `SELECT actor, detail_json AS detail FROM audit_logs JOIN audit_details ON commitment = detail_commitment
        WHERE action = 'stripe.usage_resent'`,
    );
    expect(audit?.actor).toMatch(/^operator:/);
    expect(JSON.parse(audit?.detail ?? "{}")).toMatchObject({ ...REASON, resend: 1 });
    expect(await rows("SELECT 1 FROM trace_events WHERE payload_json LIKE '%Ann%'")).toEqual([]);
  });

  test("is not sent when Stripe took the first call after all", async () => {
    const world = await rejectAll(["t1"]);
    const id = await idOf("t1");
    const metadata = { prego_identifier: id };
    world.stripe.items.push({
      id: "ii_first",
      customer: "cus_t1",
      amount: 10,
      currency: "eur",
      description: "",
      created: world.clock.nowMs / 1_000,
      period: { start: 0, end: 0 },
      metadata,
    });
    await resend(world, id);
    expect((await close(world)).outbox).toMatchObject({ sent: 1 });
    expect(world.stripe.items).toHaveLength(1);
    expect(await outbox()).toMatchObject([{ status: "sent", stripe_id: "ii_first" }]);
  });

  test("is sent once when the answer to the new call is lost, too", async () => {
    const world = await rejectAll(["t1"]);
    await resend(world, await idOf("t1"));
    world.stripe.fault = (path) => (path.startsWith("POST") ? "after" : undefined);
    expect((await close(world)).outbox).toMatchObject({ retried: 1 });
    world.stripe.fault = () => undefined;
    for (const hours of [1, 25]) {
      world.clock.nowMs += hours * HOUR_MS;
      await close(world);
    }
    expect(world.stripe.items).toHaveLength(1);
    expect(await outbox()).toMatchObject([{ status: "sent" }]);
  });

  test("gets an identifier of its own as a meter event, because Stripe still knows the refused one", async () => {
    await seedFleet("meter_event", ["t1"]);
    const world = createWorld();
    await close(world);
    const id = await idOf("t1");
    // Stripe took the event and found it bad later: it counts for nothing, but its identifier is remembered.
    for (const event of world.stripe.events) event.value = 0n;
    await execute("UPDATE stripe_usage_outbox SET status = 'rejected', error = 'no_meter'");
    await resend(world, id);
    world.clock.nowMs += HOUR_MS;
    expect((await close(world)).outbox).toMatchObject({ sent: 1 });
    expect(world.stripe.events.map(({ identifier, value }) => [identifier, value])).toEqual([
      [id, 0n],
      [`${id}-r1`, 5n],
    ]);
  });

  test("is taken once of two requests, and refused while it is not rejected", async () => {
    const world = await rejectAll(["t1"]);
    const id = await idOf("t1");
    const both = await Promise.all([resend(world, id), resend(world, id)]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    await close(world);
    const refused = await resend(world, id);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ code: "conflict", detail: "The charge is sent." });
    expect(await rows("SELECT 1 FROM audit_logs WHERE action = 'stripe.usage_resent'")).toHaveLength(1);
  });

  test("is refused after too many times, without a reason, and when there is none", async () => {
    const world = await rejectAll(["t1"]);
    const id = await idOf("t1");
    expect((await resend(world, id, {})).status).toBe(400);
    expect((await resend(world, id, { reason: "  " })).status).toBe(400);
    expect((await resend(world, `prego_${"0".repeat(40)}`)).status).toBe(404);
    expect((await resend(world, "pseudo_1%2Fapi")).status).toBe(404);
    await execute(`UPDATE stripe_usage_outbox SET payload_json = json_set(payload_json, '$.resends', ${RESENDS_MAX})`);
    expect((await resend(world, id)).status).toBe(409);
    expect(await outbox()).toMatchObject([{ status: "rejected" }]);
  });
});

describe("the list of charges", () => {
  test("shows one state, page by page, of all cycles or one", async () => {
    const world = await rejectAll(["t1", "t2", "t3"]);
    await resend(world, await idOf("t2"));
    const list = async (query: string) => {
      const response = await send(world, `/cycle-close/charges?${query}`);
      expect(response.status).toBe(200);
      return response.json<{ charges: { id: string; tenant_id: string }[]; next_cursor: string | null }>();
    };
    const first = await list("status=rejected&limit=1");
    const second = await list(`status=rejected&limit=1&cursor=${first.next_cursor}`);
    expect(second.next_cursor).toBeNull();
    expect([...first.charges, ...second.charges].map((charge) => charge.tenant_id).toSorted()).toEqual(["t1", "t3"]);
    expect((await list(`status=pending&cycle=${CYCLE}`)).charges).toMatchObject([{ tenant_id: "t2" }]);
    expect((await list("status=rejected&cycle=2026-10")).charges).toEqual([]);
    expect((await send(world, `/cycle-close/charges?status=pending&cursor=${first.next_cursor}`)).status).toBe(400);
  });
});
