import { expect, test } from "vitest";
import { TENANT_TABLES, type TenantTable } from "@prego/core/tenant-data";
import { bucket, query, readSchema } from "./purge-test-kit.ts";
import { insert, NOW_MS } from "./seed-test-kit.ts";

const registry: readonly TenantTable[] = TENANT_TABLES;
const schema = await readSchema();

/** Tables that point to a tenant under another name, and why they need no entry. */
const INDIRECT: Readonly<Record<string, string>> = {
  purge_steps: "belongs to purge_runs; cursors and Stripe ids are cleared by the last batch",
};

test("every table of the live schema with a tenant_id is in the registry", () => {
  const withTenant = [...schema].filter(([, columns]) => columns.includes("tenant_id")).map(([table]) => table);
  expect(withTenant.length).toBeGreaterThan(14);
  expect(registry.map((entry) => entry.table).toSorted()).toEqual(withTenant.toSorted());
  expect(Object.keys(INDIRECT).filter((table) => !schema.has(table))).toEqual([]);
});

test("every column that the registry names exists, and its key is the primary key", async () => {
  for (const entry of registry) {
    const columns = schema.get(entry.table) ?? [];
    const { treatment } = entry;
    const named = [
      entry.tenantColumn,
      ...entry.key,
      ...(treatment.kind === "redact" ? treatment.columns : []),
      ...(treatment.kind === "pseudonymise" ? Object.keys(treatment.clear) : []),
      ...(treatment.kind === "pseudonymise" && treatment.derivedColumn !== undefined ? [treatment.derivedColumn] : []),
      ...(treatment.kind === "pseudonymise" && treatment.halt !== undefined ? [treatment.halt.column] : []),
      ...(entry.includesJourney === true ? ["trace_id"] : []),
    ];
    expect(
      named.filter((column) => !columns.includes(column)),
      entry.table,
    ).toEqual([]);
    const key = await query<{ name: string }>(
      "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk",
      entry.table,
    );
    expect(
      key.map((column) => column.name),
      entry.table,
    ).toEqual([...entry.key]);
  }
});

test("a table that is missing from the registry would be seen", async () => {
  await query("CREATE TABLE planted (tenant_id TEXT)");
  const live = await readSchema();
  expect([...live.keys()].filter((table) => !schema.has(table))).toEqual(["planted"]);
  expect(live.get("planted")).toEqual(["tenant_id"]);
});

test("R2 puts an object only once when told so", async () => {
  const onlyIf = { etagDoesNotMatch: "*" };
  expect(await bucket.put("tombstones/x.json", "first", { onlyIf })).not.toBeNull();
  expect(await bucket.put("tombstones/x.json", "second", { onlyIf })).toBeNull();
  expect(await (await bucket.get("tombstones/x.json"))?.text()).toBe("first");
});

test("money rows refuse every change but that of the tenant", async () => {
  await insert("usage_cycle_totals", {
    tenant_id: "frozen",
    meter_key: "calls",
    cycle: "2026-10",
    corrected_cycle: "2026-10",
    qty: 1,
    included: 0,
    overage: 1,
    amount_minor: 1,
    currency: "eur",
    plan_snapshot_json: "{}",
    rollup_digest: "d",
    closed_at: new Date(NOW_MS).toISOString(),
  });
  await expect(query("UPDATE usage_cycle_totals SET amount_minor = 0")).rejects.toThrow("written once");
  await expect(query("DELETE FROM usage_cycle_totals")).rejects.toThrow("written once");
});
