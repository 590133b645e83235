import { env } from "cloudflare:workers";
import { formatInstant } from "@prego/core/period";
import type { Env } from "./env.ts";

const { DB: database, BUCKET: bucket } = env as unknown as Env;

export const NOW_MS = Date.parse("2026-11-21T02:00:00.000Z");
const DAY_MS = 86_400_000;
const TEXT = "2026-10-01T00:00:00.000Z";

type Values = Record<string, string | number | null>;

export async function insert(table: string, ...rows: Values[]): Promise<void> {
  await database.batch(rows.map((row) => insertRow(table, row)));
}

function insertRow(table: string, row: Values): D1PreparedStatement {
  const columns = Object.keys(row);
  const marks = columns.map(() => "?").join(", ");
  return database.prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`).bind(...Object.values(row));
}

/** Trace id of a tenant's journey; the tenant's id is not in it. */
export const traceOf = (tenantId: string): string => `trace_${tenantId.split("").toReversed().join("")}`;

/** A tenant whose deadline passed so long ago that its last bill is not waited for, unless changed. */
export async function seedTenant(tenantId: string, changes: Values = {}): Promise<void> {
  await insert("tenants_master", {
    tenant_id: tenantId,
    slug: `slug-${tenantId}`,
    short_id: `short-${tenantId}`,
    name: `Name of ${tenantId}`,
    type: "standard",
    plan_id: "pro",
    status: "Pending_Deletion",
    status_changed_at: TEXT,
    region: "eu",
    trace_id: traceOf(tenantId),
    pending_deletion_at: TEXT,
    purge_after: formatInstant(NOW_MS - 8 * DAY_MS),
    created_at: TEXT,
    updated_at: TEXT,
    ...changes,
  });
}

/** A row or object of the tenant in every store, the journey before it existed included. */
export async function seedData(tenantId: string): Promise<void> {
  const t = tenantId;
  const rows: D1PreparedStatement[] = [];
  const add = (table: string, ...values: Values[]): void => {
    rows.push(...values.map((row) => insertRow(table, row)));
  };
  const trace = traceOf(t);
  const key = (name: string): string => `usage_raw/tenant_id=${t}/dt=2026-10-01/hour=00/${name}.jsonl`;
  const at = { created_at: TEXT, updated_at: TEXT };
  const money = { tenant_id: t, meter_key: "calls", cycle: "2026-10", corrected_cycle: "2026-10" };
  add("usage_objects", ...["a", "b"].map((name) => usageObject(t, key(name))));
  add("usage_distinct_values", {
    tenant_id: t,
    meter_key: "visitors",
    cycle: "2026-10",
    value_digest: "digest",
    hour: "2026-10-01T00",
    is_late: 0,
  });
  add("usage_rollups", {
    tenant_id: t,
    meter_key: "calls",
    hour: "2026-10-01T00",
    qty: 5,
    events: 1,
    first_event_at: TEXT,
    last_event_at: TEXT,
    updated_at: TEXT,
  });
  add("usage_adjustments", {
    tenant_id: t,
    meter_key: "calls",
    corrected_cycle: "2026-09",
    r2_key: key("a"),
    qty: 5,
    events: 1,
    created_at: TEXT,
  });
  add("usage_cycle_totals", {
    ...money,
    qty: 5,
    included: 0,
    overage: 5,
    amount_minor: 10,
    currency: "eur",
    plan_snapshot_json: "{}",
    rollup_digest: "d",
    closed_at: TEXT,
  });
  add("stripe_usage_outbox", {
    ...money,
    mode: "meter_event",
    identifier: `prego_${t}`,
    payload_json: `{"customer":"cus_${t}"}`,
    status: "pending",
    next_attempt_at: TEXT,
    trace_id: trace,
    error: `cus_${t}`,
    ...at,
  });
  add("stripe_invoice_outbox", {
    tenant_id: t,
    cycle: "2026-10",
    currency: "eur",
    identifier: `prego_invoice_${t}`,
    payload_json: `{"customer":"cus_${t}"}`,
    status: "pending",
    next_attempt_at: TEXT,
    trace_id: trace,
    error: `cus_${t}`,
    ...at,
  });
  add("stripe_events", {
    event_id: `evt_${t}`,
    type: "invoice.paid",
    livemode: 0,
    created: 1,
    received_at: TEXT,
    body_sha256: "b",
    status: "processed",
    tenant_id: t,
  });
  add("stripe_subscriptions", {
    subscription_id: `sub_${t}`,
    customer_id: `cus_${t}`,
    tenant_id: t,
    status: "canceled",
    state_as_of: 1,
    updated_at: TEXT,
  });
  add("tenant_plans", {
    tenant_id: t,
    effective_from: TEXT,
    ordinal: 0,
    plan_id: "starter",
    source: `evt_${t}`,
    recorded_at: TEXT,
  });
  add("audit_logs", {
    ts: TEXT,
    actor: "stripe",
    action: "tenant.created",
    tenant_id: t,
    target: `tenants_master/${t}`,
    detail_commitment: `c_${t}`,
  });
  add("audit_details", { commitment: `c_${t}`, tenant_id: t, salt: "s", detail_json: `{"name":"${t}"}` });
  const event = { ts: TEXT, trace_id: trace };
  add(
    "funnel_events",
    { ...event, event_type: "m_checkout_click", source: "cp", email_fingerprint: `f_${t}`, tenant_id: null },
    { ...event, event_type: "m_provision_job_created", source: "cp", email_fingerprint: null, tenant_id: t },
  );
  add(
    "trace_events",
    { ...event, id: `trc_${t}_1`, source: "cp", event_type: "checkout", level: "info", message: t, tenant_id: null },
    { ...event, id: `trc_${t}_2`, source: "cp", event_type: "created", level: "info", message: t, tenant_id: t },
  );
  add("provision_jobs", {
    job_id: `job_${t}_1`,
    tenant_id: t,
    kind: "deprovision",
    status: "succeeded",
    region: "eu",
    ...at,
  });
  add("dispatches", {
    dispatch_id: `dsp_${t}`,
    purpose: "provision",
    subject_id: `job_${t}_1`,
    inputs_json: `{"tenant_id":"${t}"}`,
    status: "sent",
    next_attempt_at: TEXT,
    tenant_id: t,
    ...at,
  });
  await database.batch(rows);
  for (const name of ["a", "b", "c"]) await bucket.put(key(name), `{"tenant_id":"${t}","name":"${name}"}`);
}

const usageObject = (tenantId: string, key: string): Values => ({
  r2_key: key,
  tenant_id: tenantId,
  hour: "2026-10-01T00",
  events: 1,
  bytes: 1,
  sha256: "s",
  status: "done",
  created_at: TEXT,
});
