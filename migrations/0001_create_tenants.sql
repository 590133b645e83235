-- Tenants, what they bought, and what Stripe said about it.
-- Effect on live rows: none, new tables. It worked when `SELECT count(*) FROM plans` answers.
CREATE TABLE meters (
  meter_key TEXT PRIMARY KEY,
  display_name TEXT NOT NULL,
  unit TEXT NOT NULL,
  aggregation TEXT NOT NULL CHECK (aggregation IN ('sum', 'count', 'max', 'last', 'unique')),
  value_property TEXT,
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
  plan_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  name TEXT NOT NULL,
  currency TEXT NOT NULL CHECK (length(currency) = 3 AND currency = lower(currency)),
  billing_mode TEXT NOT NULL CHECK (billing_mode IN ('meter_event', 'invoice_item')),
  pool_included INTEGER CHECK (pool_included >= 0),
  stripe_price_id TEXT,
  effective_from TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (plan_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX plans_stripe_price ON plans (stripe_price_id) WHERE stripe_price_id IS NOT NULL;

CREATE TABLE plan_meters (
  plan_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  meter_key TEXT NOT NULL REFERENCES meters (meter_key),
  included INTEGER NOT NULL CHECK (included >= 0),
  price_json TEXT NOT NULL CHECK (json_valid(price_json)),
  pool_weight TEXT,
  stripe_event_name TEXT,
  PRIMARY KEY (plan_id, version, meter_key),
  FOREIGN KEY (plan_id, version) REFERENCES plans (plan_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants_master (
  tenant_id TEXT PRIMARY KEY CHECK (length(tenant_id) BETWEEN 1 AND 64),
  slug TEXT NOT NULL UNIQUE,
  short_id TEXT NOT NULL UNIQUE,
  name TEXT,
  type TEXT NOT NULL CHECK (type IN ('standard', 'platform_service')),
  plan_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('Pending_Payment', 'Provisioning', 'Active', 'Past_Due', 'Suspended', 'Pending_Deletion', 'Purging', 'Purged')),
  status_changed_at TEXT NOT NULL,
  provisioned_at TEXT,
  region TEXT NOT NULL,
  node_id TEXT,
  stripe_customer_id TEXT UNIQUE,
  stripe_subscription_id TEXT UNIQUE,
  subscription_status TEXT,
  current_period_end TEXT,
  trace_id TEXT,
  pending_deletion_at TEXT,
  purge_after TEXT,
  legal_hold INTEGER NOT NULL DEFAULT 0 CHECK (legal_hold IN (0, 1)),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenants_master_status ON tenants_master (status, purge_after);
CREATE INDEX tenants_master_created ON tenants_master (created_at, tenant_id);

CREATE TABLE stripe_events (
  event_id TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  livemode INTEGER NOT NULL CHECK (livemode IN (0, 1)),
  created INTEGER NOT NULL,
  received_at TEXT NOT NULL,
  body_sha256 TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('processed', 'ignored', 'quarantined', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 1,
  error TEXT,
  tenant_id TEXT,
  trace_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX stripe_events_tenant ON stripe_events (tenant_id) WHERE tenant_id IS NOT NULL;

CREATE TABLE stripe_subscriptions (
  subscription_id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  tenant_id TEXT,
  status TEXT NOT NULL,
  current_period_end TEXT,
  price_id TEXT,
  state_as_of INTEGER NOT NULL,
  updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stripe_subscriptions_customer ON stripe_subscriptions (customer_id);
CREATE INDEX stripe_subscriptions_tenant ON stripe_subscriptions (tenant_id) WHERE tenant_id IS NOT NULL;
