import { beforeEach, describe, expect, test } from "vitest";
import { D1_QUERIES_PER_INVOCATION_MAX } from "@prego/core/limits";
import { close, createWorld, DAY_MS, env, HOUR_MS, jobRun, outbox, type World } from "./cycle-close-test-kit.ts";
import { createDeps } from "./deps.ts";
import { QUERIES_RESERVED } from "./limits.ts";
import { readMeterReports } from "./read-meter-reports.ts";
import { resendCharge } from "./resend-charge.ts";
import { execute, resetDatabase, rows, seedPlan, seedRollup, seedTenant } from "./seed-test-kit.ts";

const reports = new Map<string, unknown>();

/** Stripe's events API in front of the rest of the fake. */
function serveReports(world: World): void {
  const { fetch } = world.runtime;
  world.runtime.fetch = async (input, init) => {
    const id = /\/v2\/core\/events\/(\w+)/.exec(input instanceof Request ? input.url : input.toString())?.[1];
    if (id === undefined) return fetch(input, init);
    world.stripe.calls.push(`GET event ${id}`);
    const report = reports.get(id);
    if (report === "down") throw new TypeError("fetch failed");
    return Response.json(report ?? { error: { type: "invalid_request_error", message: "gone" } }, {
      status: report === undefined ? 404 : 200,
    });
  };
}

const storeReport = async (eventId: string, at: string, identifiers: readonly string[]): Promise<void> => {
  const samples = identifiers.map((identifier) => ({ error_message: "x", request: { identifier } }));
  const reason = {
    error_count: samples.length,
    error_types: [{ code: "no_meter", error_count: 1, sample_errors: samples }],
  };
  reports.set(eventId, {
    id: eventId,
    object: "v2.core.event",
    type: "v1.billing.meter.no_meter_found",
    data: { reason },
  });
  await execute(
    "INSERT INTO stripe_events (event_id, type, livemode, created, received_at, body_sha256, status) VALUES (?, ?, 0, 1, ?, '', 'ignored')",
    eventId,
    "v1.billing.meter.no_meter_found",
    at,
  );
};

const eventCalls = (world: World): number => world.stripe.calls.filter((path) => path.startsWith("GET event")).length;

async function sendTwo(): Promise<{ world: World; identifiers: string[] }> {
  const world = createWorld();
  serveReports(world);
  await close(world);
  const sent = await rows<{ identifier: string }>("SELECT identifier FROM stripe_usage_outbox ORDER BY tenant_id");
  return { world, identifiers: sent.map((row) => row.identifier) };
}

beforeEach(async () => {
  reports.clear();
  await resetDatabase();
  await seedPlan("metered", { mode: "meter_event", meters: { api_requests: { eventName: "api_calls" } } });
  for (const tenant of ["t1", "t2"]) {
    await seedTenant(tenant, { plan: "metered" });
    await seedRollup(tenant, "api_requests", { qty: 5_000_000n });
  }
});

describe("a late error report of Stripe", () => {
  test("rejects the charge it names, with the reason, and leaves the others sent", async () => {
    const { world, identifiers } = await sendTwo();
    await storeReport("evt_1", "2026-12-01T01:00:00.000Z", identifiers.slice(1));
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ failed: 1, reported_late: 1 });
    expect(await outbox()).toMatchObject([
      { tenant_id: "t1", status: "sent", error: null },
      { tenant_id: "t2", status: "rejected", error: "no_meter: reported by Stripe after it was taken" },
    ]);
    expect(await rows("SELECT tenant_id FROM audit_logs WHERE action = 'stripe.usage_rejected'")).toEqual([
      { tenant_id: "t2" },
    ]);
    expect(await close(world)).toMatchObject({ failed: 0, reported_late: 0 });
    expect(eventCalls(world)).toBe(1);
  });

  test("about something else is passed over, and one that cannot be read now is read later", async () => {
    const { world, identifiers } = await sendTwo();
    await storeReport("evt_other", "2026-12-01T01:00:00.000Z", ["someone_else"]);
    await storeReport("evt_gone", "2026-12-01T01:00:01.000Z", []);
    reports.delete("evt_gone");
    await storeReport("evt_down", "2026-12-01T01:00:02.000Z", identifiers.slice(0, 1));
    const report = reports.get("evt_down");
    reports.set("evt_down", "down");
    world.clock.nowMs += HOUR_MS;
    expect(await close(world)).toMatchObject({ reported_late: 0 });
    reports.set("evt_down", report);
    expect(await close(world)).toMatchObject({ reported_late: 1 });
    expect(eventCalls(world)).toBe(4);
  });

  test("about a call before an operator's resend leaves the charge as it is", async () => {
    const { world, identifiers } = await sendTwo();
    await storeReport("evt_1", "2026-12-01T01:00:00.000Z", identifiers.slice(1));
    world.clock.nowMs += HOUR_MS;
    await close(world);
    await execute(
      "UPDATE stripe_usage_outbox SET status = 'sent', payload_json = json_set(payload_json, '$.resends', 1) WHERE status = 'rejected'",
    );
    await storeReport("evt_2", "2026-12-01T02:00:00.000Z", identifiers);
    expect(await close(world)).toMatchObject({ reported_late: 1 });
    expect((await outbox()).map((row) => row.status)).toEqual(["rejected", "sent"]);
    await storeReport("evt_3", "2026-12-01T03:00:00.000Z", [`${identifiers[1]}-r1`]);
    expect(await close(world)).toMatchObject({ reported_late: 1 });
  });

  test("about a resend is read though its cycle was closed long before", async () => {
    const { world, identifiers } = await sendTwo();
    const [identifier = ""] = identifiers;
    await storeReport("evt_1", "2026-12-01T01:00:00.000Z", [identifier]);
    world.clock.nowMs += HOUR_MS;
    await close(world);
    world.clock.nowMs += 5 * DAY_MS;
    await resendCharge(createDeps(env, world.runtime), { identifier, reason: "meter made", actor: "ann" });
    expect(await close(world)).toMatchObject({ outbox: { sent: 1 } });
    world.clock.nowMs += HOUR_MS;
    await storeReport("evt_2", new Date(world.clock.nowMs).toISOString(), [`${identifier}-r1`]);
    expect(await close(world)).toMatchObject({ reported_late: 1 });
    expect((await outbox()).map((row) => row.status)).toEqual(["rejected", "sent"]);
  });

  test("waits where the run's queries are used up, also within a report, and is read to its end by the next", async () => {
    const { world, identifiers } = await sendTwo();
    await storeReport("evt_1", "2026-12-01T01:00:00.000Z", identifiers);
    world.clock.nowMs += HOUR_MS;
    const deps = createDeps(env, world.runtime);
    const used = { ...deps, queries: () => D1_QUERIES_PER_INVOCATION_MAX - QUERIES_RESERVED };
    expect(await close(world, {}, used)).toMatchObject({ reported_late: 0 });
    expect(eventCalls(world)).toBe(0);
    let asked = 0;
    const forOneRow = { take: () => true, isExhausted: () => (asked += 1) > 2 };
    expect(await readMeterReports(deps, jobRun(world), forOneRow)).toBe(1);
    expect((await outbox()).filter((row) => row.status === "rejected")).toHaveLength(1);
    expect(await close(world)).toMatchObject({ reported_late: 1 });
    expect((await outbox()).map((row) => row.status)).toEqual(["rejected", "rejected"]);
    await close(world);
    expect(eventCalls(world)).toBe(2);
  });

  test("is not asked for when nothing was sent lately", async () => {
    const { world, identifiers } = await sendTwo();
    world.clock.nowMs += 4 * DAY_MS;
    await storeReport("evt_1", "2026-12-05T01:00:00.000Z", identifiers);
    await close(world);
    expect(eventCalls(world)).toBe(0);
  });
});
