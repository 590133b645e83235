-- The monthly close: its run with two bounds, totals written once, and the outbox towards Stripe.
-- Amounts are integer minor units of the currency, quantities integer micro-units.
CREATE TABLE cycle_runs (
  cycle TEXT PRIMARY KEY,
  status TEXT NOT NULL CHECK (status IN ('waiting', 'closing', 'sending', 'closed')),
  event_time_bound TEXT NOT NULL,
  stored_seq_bound INTEGER,
  tenants_planned INTEGER NOT NULL DEFAULT 0,
  tenants_closed INTEGER NOT NULL DEFAULT 0,
  tenant_cursor TEXT,
  opened_at TEXT NOT NULL,
  bounded_at TEXT,
  closed_at TEXT,
  trace_id TEXT,
  report_json TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_cycle_totals (
  tenant_id TEXT NOT NULL,
  meter_key TEXT NOT NULL,
  cycle TEXT NOT NULL,
  corrected_cycle TEXT NOT NULL,
  qty INTEGER NOT NULL,
  included INTEGER NOT NULL,
  overage INTEGER NOT NULL,
  amount_minor INTEGER NOT NULL,
  currency TEXT NOT NULL,
  plan_snapshot_json TEXT NOT NULL,
  rollup_digest TEXT NOT NULL,
  closed_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, meter_key, cycle, corrected_cycle)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_cycle_totals_cycle ON usage_cycle_totals (cycle, tenant_id);
CREATE TRIGGER usage_cycle_totals_frozen BEFORE UPDATE OF meter_key, cycle, corrected_cycle, qty, included, overage, amount_minor, currency, plan_snapshot_json, rollup_digest, closed_at ON usage_cycle_totals
BEGIN SELECT RAISE(ABORT, 'usage_cycle_totals is written once'); END;
CREATE TRIGGER usage_cycle_totals_kept BEFORE DELETE ON usage_cycle_totals
BEGIN SELECT RAISE(ABORT, 'usage_cycle_totals is written once'); END;

CREATE TABLE stripe_usage_outbox (
  tenant_id TEXT NOT NULL,
  meter_key TEXT NOT NULL,
  cycle TEXT NOT NULL,
  corrected_cycle TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('meter_event', 'invoice_item')),
  identifier TEXT NOT NULL UNIQUE,
  payload_json TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'rejected', 'failed')),
  intent_at TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT NOT NULL,
  stripe_id TEXT,
  error TEXT,
  trace_id TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, meter_key, cycle, corrected_cycle)
) STRICT, WITHOUT ROWID;
CREATE INDEX stripe_usage_outbox_due ON stripe_usage_outbox (next_attempt_at) WHERE status = 'pending';
CREATE INDEX stripe_usage_outbox_cycle ON stripe_usage_outbox (cycle, status);
