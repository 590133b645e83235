import { usageTenantPrefix } from "./usage-object.ts";

/** Why something outlives a purge, and for how long after it. */
export interface Retention {
  reason: string;
  /** Whole years after the purge. */
  years: number;
}

/** What a purge does with the rows of a tenant. Column names are those of the migrations. */
export type TenantTableTreatment =
  | { kind: "erase" }
  /** The tenant id becomes a pseudonym, so that figures stay and the person behind them does not. */
  | {
      kind: "pseudonymise";
      /** Columns that are overwritten with these texts, or with null. */
      clear: Readonly<Record<string, string | null>>;
      /** Unique column derived from the tenant id: rewritten as pseudonym and the rest of the key. */
      derivedColumn?: string;
      /** Rows still waiting to be sent: their status becomes `to`, for there is nobody left to send it for. */
      halt?: { column: string; from: string; to: string };
      retention: Retention;
    }
  /** The columns become null and the row stays. */
  | { kind: "redact"; columns: readonly string[]; retention: Retention }
  | { kind: "retain"; retention: Retention };

/** A table that holds data of a tenant. */
export interface TenantTable {
  table: string;
  /** Column with the tenant's id. */
  tenantColumn: string;
  /** Primary key, by which chunks are taken. */
  key: readonly string[];
  /**
   * When its turn comes: with the data; after the deprovision was confirmed from these very rows; or in the one batch that ends
   * the purge.
   */
  phase: "data" | "after_deprovision" | "end";
  /** Rows without a tenant id belong to it too when they carry its trace id: steps before the tenant existed. */
  includesJourney?: boolean;
  treatment: TenantTableTreatment;
}

/** A prefix of the bucket that holds data of a tenant. */
export interface TenantPrefix {
  store: string;
  /** Prefix for one tenant; it ends with `/`. @throws RangeError for anything but a tenant id. */
  prefixOf: (tenantId: string) => string;
  treatment: { kind: "erase" };
}

/** A store that no purge can reach into and that empties itself. */
export interface SelfErasingStore {
  store: string;
  category: "buffer";
  status: string;
}

// The longest period named for books and vouchers in the countries looked at (Singapore 5, Germany 8 and 10 years).
const ACCOUNTING: Retention = { reason: "accounting record under a pseudonym, without any personal data", years: 10 };
const EVIDENCE: Retention = { reason: "evidence of who did what: ids, times and verbs only", years: 10 };
const ID_REUSE: Retention = { reason: "the tenant id must not be given out again; no name and no contact", years: 10 };

/**
 * Every table with data of a tenant, in the order of deletion, children first. The one list for purge, export and their tests:
 * a test reads the live schema and fails for a table with a `tenant_id` that is missing here.
 */
export const TENANT_TABLES = [
  {
    table: "usage_rollups",
    tenantColumn: "tenant_id",
    key: ["tenant_id", "meter_key", "hour"],
    phase: "data",
    treatment: { kind: "erase" },
  },
  {
    table: "usage_distinct_values",
    tenantColumn: "tenant_id",
    key: ["tenant_id", "meter_key", "cycle", "value_digest"],
    phase: "data",
    treatment: { kind: "erase" },
  },
  {
    table: "usage_adjustments",
    tenantColumn: "tenant_id",
    key: ["tenant_id", "meter_key", "corrected_cycle", "r2_key"],
    phase: "data",
    treatment: { kind: "erase" },
  },
  { table: "usage_objects", tenantColumn: "tenant_id", key: ["seq"], phase: "data", treatment: { kind: "erase" } },
  {
    table: "stripe_usage_outbox",
    tenantColumn: "tenant_id",
    key: ["tenant_id", "meter_key", "cycle", "corrected_cycle", "part"],
    phase: "data",
    treatment: {
      kind: "pseudonymise",
      clear: { payload_json: "{}", error: null, compare_after: null, sum_difference: null, trace_id: null },
      derivedColumn: "identifier",
      halt: { column: "status", from: "pending", to: "failed" },
      retention: ACCOUNTING,
    },
  },
  {
    table: "stripe_invoice_outbox",
    tenantColumn: "tenant_id",
    key: ["tenant_id", "cycle", "currency"],
    phase: "data",
    treatment: {
      kind: "pseudonymise",
      clear: { payload_json: "{}", error: null, trace_id: null },
      derivedColumn: "identifier",
      halt: { column: "status", from: "pending", to: "failed" },
      retention: ACCOUNTING,
    },
  },
  {
    table: "usage_cycle_totals",
    tenantColumn: "tenant_id",
    key: ["tenant_id", "meter_key", "cycle", "corrected_cycle", "part"],
    phase: "data",
    treatment: { kind: "pseudonymise", clear: {}, retention: ACCOUNTING },
  },
  {
    table: "stripe_events",
    tenantColumn: "tenant_id",
    key: ["event_id"],
    phase: "data",
    treatment: { kind: "erase" },
  },
  {
    table: "stripe_subscriptions",
    tenantColumn: "tenant_id",
    key: ["subscription_id"],
    phase: "data",
    treatment: { kind: "erase" },
  },
  {
    table: "tenant_plans",
    tenantColumn: "tenant_id",
    key: ["tenant_id", "effective_from", "ordinal"],
    phase: "data",
    treatment: { kind: "erase" },
  },
  {
    table: "audit_details",
    tenantColumn: "tenant_id",
    key: ["commitment"],
    phase: "data",
    treatment: { kind: "erase" },
  },
  {
    table: "funnel_events",
    tenantColumn: "tenant_id",
    key: ["id"],
    phase: "data",
    includesJourney: true,
    treatment: { kind: "erase" },
  },
  {
    table: "trace_events",
    tenantColumn: "tenant_id",
    key: ["id"],
    phase: "data",
    includesJourney: true,
    treatment: { kind: "redact", columns: ["message", "payload_json"], retention: EVIDENCE },
  },
  {
    table: "dispatches",
    tenantColumn: "tenant_id",
    key: ["dispatch_id"],
    phase: "after_deprovision",
    treatment: { kind: "erase" },
  },
  {
    table: "provision_jobs",
    tenantColumn: "tenant_id",
    key: ["job_id"],
    phase: "after_deprovision",
    treatment: { kind: "erase" },
  },
  {
    table: "audit_logs",
    tenantColumn: "tenant_id",
    key: ["seq"],
    phase: "end",
    treatment: { kind: "retain", retention: EVIDENCE },
  },
  {
    table: "purge_runs",
    tenantColumn: "tenant_id",
    key: ["purge_id"],
    phase: "end",
    treatment: { kind: "redact", columns: ["tenant_id"], retention: EVIDENCE },
  },
  {
    table: "tenants_master",
    tenantColumn: "tenant_id",
    key: ["tenant_id"],
    phase: "end",
    treatment: {
      kind: "redact",
      columns: [
        "name",
        "node_id",
        "provisioned_at",
        "stripe_customer_id",
        "stripe_subscription_id",
        "subscription_status",
        "current_period_end",
      ],
      retention: ID_REUSE,
    },
  },
] as const satisfies readonly TenantTable[];

/** Every prefix of the bucket with data of a tenant. */
export const TENANT_PREFIXES = [
  { store: "r2_usage", prefixOf: usageTenantPrefix, treatment: { kind: "erase" } },
] as const satisfies readonly TenantPrefix[];

/** Prefixes that hold no data of a tenant: keyed hashes, receipts and heads of the audit chain. */
export const PREFIXES_WITHOUT_TENANT_DATA = ["tombstones/", "certificates/", "anchors/"] as const;

/** Stores that empty themselves once they see the tenant's state: the Durable Objects of usage-writer. */
export const SELF_ERASING_STORES = [
  { store: "usage_buffer", category: "buffer", status: "self-erasing within 24 h" },
] as const satisfies readonly SelfErasingStore[];
