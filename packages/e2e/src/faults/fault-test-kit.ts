import { env } from "cloudflare:workers";
import type { Runtime } from "@prego/core/http";

/** Bindings of this test project, shared by every worker's code under test. */
export interface TestBindings {
  DB: D1Database;
  BUCKET: R2Bucket;
}

export const bindings = env as unknown as TestBindings;

/** A clock that a test moves, so that leases run out between a crash and the run that carries on. */
export interface TestClock {
  nowMs: number;
}

/** A runtime with a test's clock and network. Random bytes are real: nothing may depend on them. */
export const createTestRuntime = (clock: TestClock, network: typeof fetch): Runtime => ({
  now: () => clock.nowMs,
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  write: () => undefined,
  fetch: network,
});

/** A network that answers nothing, for jobs that must not need one. */
export const noNetwork: typeof fetch = () => Promise.reject(new Error("no network in this test"));

/** Longer than a lease. */
export const LEASE_OVER_MS = 6 * 60_000;

/** A clock of its own for each point of a sweep, later than every lease of the points before. */
export const clockAt = (startMs: number, point: number): TestClock => ({ nowMs: startMs + point * 3_600_000 });

const ISO = (epochMs: number): string => new Date(epochMs).toISOString();

/** Inserts a row given by column. */
export async function insertRow(table: string, row: Record<string, string | number | null>): Promise<void> {
  const columns = Object.keys(row);
  await bindings.DB.prepare(
    `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
  )
    .bind(...Object.values(row))
    .run();
}

/** Inserts a tenant with sensible columns; `change` overrides them. */
export const insertTenant = (
  tenantId: string,
  nowMs: number,
  change: Record<string, string | number | null> = {},
): Promise<void> =>
  insertRow("tenants_master", {
    tenant_id: tenantId,
    slug: tenantId.toLowerCase().replaceAll("_", "-"),
    short_id: tenantId,
    name: `Name of ${tenantId}`,
    type: "standard",
    plan_id: "starter",
    status: "Active",
    status_changed_at: ISO(nowMs),
    region: "eu",
    trace_id: `trace_${tenantId}`,
    created_at: ISO(nowMs),
    updated_at: ISO(nowMs),
    ...change,
  });

/** All rows of a query. */
export async function selectRows<T>(query: string, ...values: (string | number)[]): Promise<T[]> {
  const { results } = await bindings.DB.prepare(query)
    .bind(...values)
    .all<T>();
  return results;
}
