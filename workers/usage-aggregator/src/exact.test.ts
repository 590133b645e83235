import { describe, expect, it } from "vitest";
import {
  adjustmentsOf,
  aggregate,
  boundCycle,
  execute,
  HOUR,
  line,
  objectsOf,
  rollupsOf,
  rows,
  seedObject,
  seedTenant,
} from "./aggregator-test-kit.ts";

const LARGEST = "999999999999.999999";
const LARGEST_MICROS = 999_999_999_999_999_999n;

describe("sums", () => {
  it("of the largest quantities keep every micro-unit, far above 2^53", async () => {
    await seedTenant("t_large");
    await seedObject(
      "t_large",
      Array.from({ length: 5 }, () => line({ tenantId: "t_large", qty: LARGEST })),
    );
    await aggregate();
    await seedObject("t_large", [
      line({ tenantId: "t_large", qty: LARGEST }),
      line({ tenantId: "t_large", qty: "0.000001" }),
    ]);
    await aggregate();
    const total = 6n * LARGEST_MICROS + 1n;
    expect(total).toBeGreaterThan(2n ** 53n);
    expect(await rollupsOf("t_large")).toMatchObject([
      { qty: total.toString(), max_qty: LARGEST_MICROS.toString(), min_qty: "1", events: 7 },
    ]);
    expect(await rows("SELECT typeof(qty) AS type FROM usage_rollups WHERE tenant_id = 't_large'")).toEqual([
      { type: "integer" },
    ]);
  });

  it("of late usage keep every micro-unit too", async () => {
    await seedTenant("t_large_late");
    await boundCycle("2026-08", 0);
    const at = "2026-08-01T00:00:00.000Z";
    await seedObject(
      "t_large_late",
      Array.from({ length: 9 }, () => line({ tenantId: "t_large_late", qty: LARGEST, at })),
      { hour: "2026-08-01T00" },
    );
    await aggregate();
    expect(await adjustmentsOf("t_large_late")).toMatchObject([{ qty: (9n * LARGEST_MICROS).toString() }]);
  });

  it("of ten thousand tenths are not off by a rounding", async () => {
    await seedTenant("t_tenths");
    await seedObject(
      "t_tenths",
      Array.from({ length: 10_000 }, () => line({ tenantId: "t_tenths", qty: "0.1" })),
    );
    await aggregate();
    expect(await rollupsOf("t_tenths")).toMatchObject([{ qty: "1000000000", events: 10_000 }]);
  });

  it("take corrections off again", async () => {
    await seedTenant("t_corrected");
    await seedObject("t_corrected", [line({ tenantId: "t_corrected", qty: "5" })]);
    await seedObject("t_corrected", [line({ tenantId: "t_corrected", qty: "-7.25" })]);
    await aggregate();
    expect(await rollupsOf("t_corrected")).toMatchObject([{ qty: "-2250000", min_qty: "-7250000", events: 2 }]);
  });

  it("that leave 64 bits put the object aside and count the others of its group", async () => {
    await seedTenant("t_overflow");
    await execute(
      `INSERT INTO usage_rollups (tenant_id, meter_key, hour, qty, events, min_qty, max_qty, last_qty, first_event_at, last_event_at, updated_at)
       VALUES ('t_overflow', 'api_requests', '${HOUR}', CAST('9223372036854775806' AS INTEGER), 1, 1, 1, 1,
         '${HOUR}:00:00.000Z', '${HOUR}:00:00.000Z', '')`,
    );
    await seedObject("t_overflow", [line({ tenantId: "t_overflow", qty: "0.000001" })]);
    await seedObject("t_overflow", [line({ tenantId: "t_overflow", qty: "0.000001" })]);
    await seedObject("t_overflow", [line({ tenantId: "t_overflow", meterKey: "data_gb" })]);
    expect(await aggregate()).toMatchObject({ done: 2, quarantined: 1, failed: 0 });
    expect((await objectsOf("t_overflow")).map(({ status, error }) => [status, error])).toEqual([
      ["done", null],
      ["quarantined", "quantity overflow"],
      ["done", null],
    ]);
    const [rollup] = await rollupsOf("t_overflow");
    expect(rollup).toMatchObject({ qty: "9223372036854775807", events: 2 });
  });

  it("below the smallest 64-bit integer put the object aside too", async () => {
    await seedTenant("t_underflow");
    await execute(
      `INSERT INTO usage_rollups (tenant_id, meter_key, hour, qty, events, first_event_at, last_event_at, updated_at)
       VALUES ('t_underflow', 'api_requests', '${HOUR}', CAST('-9223372036854775808' AS INTEGER), 1, '', '', '')`,
    );
    await seedObject("t_underflow", [line({ tenantId: "t_underflow", qty: "-0.000001" })]);
    expect(await aggregate()).toMatchObject({ done: 0, quarantined: 1, failed: 0 });
    expect(await rollupsOf("t_underflow")).toMatchObject([{ qty: "-9223372036854775808", events: 1 }]);
  });

  it("of a single object that leave 64 bits put it aside", async () => {
    await seedTenant("t_overfull");
    await seedObject(
      "t_overfull",
      Array.from({ length: 10 }, () => line({ tenantId: "t_overfull", qty: LARGEST })),
    );
    expect(await aggregate()).toMatchObject({ done: 0, quarantined: 1, failed: 0 });
    expect(await objectsOf("t_overfull")).toMatchObject([{ status: "quarantined", error: "quantity overflow" }]);
    expect(await rollupsOf("t_overfull")).toEqual([]);
  });

  it("of a group whose objects fit one by one but not together count those that fit", async () => {
    await seedTenant("t_together");
    const five = (): string[] => Array.from({ length: 5 }, () => line({ tenantId: "t_together", qty: LARGEST }));
    await seedObject("t_together", five());
    await seedObject("t_together", five());
    expect(await aggregate()).toMatchObject({ done: 1, quarantined: 1, failed: 0 });
    expect(await rollupsOf("t_together")).toMatchObject([{ qty: (5n * LARGEST_MICROS).toString() }]);
  });
});
