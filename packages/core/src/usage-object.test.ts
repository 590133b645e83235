import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hourOf } from "./period.ts";
import { parseUsageObjectKey, type UsageObject, usageObjectKey, usageTenantPrefix } from "./usage-object.ts";

const objects: fc.Arbitrary<UsageObject> = fc.record({
  tenantId: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/),
  hour: fc.integer({ min: 0, max: 4_000_000_000_000 }).map(hourOf),
  name: fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/),
});

describe("a key of raw usage", () => {
  it("is Hive-partitioned by tenant, day and hour", () => {
    expect(usageObjectKey({ tenantId: "t1", hour: "2026-11-21T02", name: "s0-000017" })).toBe(
      "usage_raw/tenant_id=t1/dt=2026-11-21/hour=02/s0-000017.jsonl",
    );
  });

  it("reads back to what it was built from", () => {
    fc.assert(
      fc.property(objects, (object) => {
        expect(parseUsageObjectKey(usageObjectKey(object))).toEqual(object);
      }),
    );
  });

  it("lies under its own tenant's prefix and no other's", () => {
    fc.assert(
      fc.property(objects, objects, (object, other) => {
        const key = usageObjectKey(object);
        expect(key.startsWith(usageTenantPrefix(object.tenantId))).toBe(true);
        expect(key.startsWith(usageTenantPrefix(other.tenantId))).toBe(object.tenantId === other.tenantId);
      }),
    );
  });

  it("of t10 is not under the prefix of t1", () => {
    const key = usageObjectKey({ tenantId: "t10", hour: "2026-11-21T02", name: "x" });
    expect(key.startsWith(usageTenantPrefix("t1"))).toBe(false);
  });

  it.each([
    { tenantId: "../t1" },
    { tenantId: "" },
    { hour: "2026-02-30T02" },
    { hour: "2026-11-21T24" },
    { hour: "2026-11-21T02/x" },
    { hour: "2026-11-21" },
    { name: "" },
    { name: "a/b" },
    { name: "a.b" },
    { name: "a\n" },
    { name: "n".repeat(129) },
  ])("is never built from %j", (fault) => {
    const object = { tenantId: "t1", hour: "2026-11-21T02", name: "x", ...fault };
    expect(() => usageObjectKey(object)).toThrow(RangeError);
  });

  it.each(["", "t1/", "t1/../t2", "t1\n"])("never gets a prefix from the tenant id %j", (tenantId) => {
    expect(() => usageTenantPrefix(tenantId)).toThrow(RangeError);
  });

  it.each([
    "",
    "usage_raw/",
    "usage_raw/tenant_id=t1/dt=2026-11-21/hour=02/x.json",
    "usage_raw/tenant_id=t1/dt=2026-11-21/hour=02/x.jsonl.gz",
    "usage_raw/tenant_id=t1/dt=2026-11-21/hour=02/a/b.jsonl",
    "usage_raw/tenant_id=t1/dt=2026-11-21/hour=24/x.jsonl",
    "usage_raw/tenant_id=t1/dt=2026-02-30/hour=02/x.jsonl",
    "usage_raw/tenant_id=_t/dt=2026-11-21/hour=02/x.jsonl",
    "usage_raw/tenant_id=t1/dt=2026-11-21/hour=02/x.jsonl\n",
    "other/usage_raw/tenant_id=t1/dt=2026-11-21/hour=02/x.jsonl",
    "certificates/2026/prg_1.json",
  ])("is not recognised in %j", (key) => {
    expect(parseUsageObjectKey(key)).toBeUndefined();
  });
});
