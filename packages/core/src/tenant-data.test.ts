import { describe, expect, test } from "vitest";
import {
  PREFIXES_WITHOUT_TENANT_DATA,
  SELF_ERASING_STORES,
  TENANT_PREFIXES,
  TENANT_TABLES,
  type TenantTable,
} from "./tenant-data.ts";

const tables: readonly TenantTable[] = TENANT_TABLES;
const namesOf = (kind: TenantTable["treatment"]["kind"]): string[] =>
  tables.filter((entry) => entry.treatment.kind === kind).map((entry) => entry.table);

describe("the registry of tenant data", () => {
  test("names each store once", () => {
    const stores = [
      ...tables.map((entry) => entry.table),
      ...TENANT_PREFIXES.map((entry) => entry.store),
      ...SELF_ERASING_STORES.map((entry) => entry.store),
    ];
    expect(stores.length).toBeGreaterThan(15);
    expect(new Set(stores).size).toBe(stores.length);
  });

  test("keeps money under a pseudonym and erases what is behind it", () => {
    expect(namesOf("pseudonymise")).toEqual(["stripe_usage_outbox", "stripe_invoice_outbox", "usage_cycle_totals"]);
    expect(namesOf("erase")).toEqual(
      expect.arrayContaining([
        "usage_rollups",
        "usage_distinct_values",
        "usage_objects",
        "audit_details",
        "funnel_events",
        "provision_jobs",
      ]),
    );
  });

  test("keeps nothing but the audit chain as it is", () => {
    expect(namesOf("retain")).toEqual(["audit_logs"]);
  });

  test("states a reason and a bounded time for everything that stays", () => {
    const kept = tables.flatMap(({ treatment }) => (treatment.kind === "erase" ? [] : [treatment.retention]));
    expect(kept).toHaveLength(7);
    for (const { reason, years } of kept) {
      expect(reason.length).toBeGreaterThan(20);
      expect(years).toBeGreaterThan(0);
      expect(years).toBeLessThanOrEqual(10);
    }
  });

  test("takes provisioning rows only after the deprovision that they prove, and the tenant last of all", () => {
    const phases = tables.map((entry) => entry.phase);
    const order = ["data", "after_deprovision", "end"];
    expect(phases).toEqual(phases.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
    expect(tables.filter((entry) => entry.phase === "after_deprovision").map((entry) => entry.table)).toContain(
      "provision_jobs",
    );
    expect(tables.at(-1)?.table).toBe("tenants_master");
  });

  test("never mistakes a tenant for another whose id begins alike", () => {
    for (const { prefixOf } of TENANT_PREFIXES) {
      expect(prefixOf("t1").endsWith("/")).toBe(true);
      expect(prefixOf("t10").startsWith(prefixOf("t1"))).toBe(false);
      expect(prefixOf("ten_ab").startsWith(prefixOf("ten_a"))).toBe(false);
      expect(() => prefixOf("")).toThrow("not a tenant id");
      expect(() => prefixOf("a/b")).toThrow("not a tenant id");
    }
  });

  test("holds no tenant prefix below one that is said to be free of tenant data", () => {
    for (const { prefixOf } of TENANT_PREFIXES) {
      expect(PREFIXES_WITHOUT_TENANT_DATA.filter((prefix) => prefixOf("t1").startsWith(prefix))).toEqual([]);
    }
  });
});
