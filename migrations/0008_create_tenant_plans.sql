-- The plan of a tenant over time, and the parts of a cycle that follow from it.
-- Effect on live rows: every tenant gets its plan of today since it exists; totals and outbox keep their rows and get an empty part.
-- A tenant that is being purged gets no row: the plan of its purge does not know the table.
CREATE TABLE tenant_plans (
  tenant_id TEXT NOT NULL,
  effective_from TEXT NOT NULL,
  ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
  plan_id TEXT NOT NULL,
  source TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, effective_from, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tenant_plans_no_update BEFORE UPDATE ON tenant_plans
BEGIN SELECT RAISE(ABORT, 'tenant_plans is append-only'); END;
CREATE TRIGGER tenant_plans_no_delete BEFORE DELETE ON tenant_plans
WHEN EXISTS (SELECT 1 FROM tenants_master WHERE tenant_id = OLD.tenant_id AND status NOT IN ('Purging', 'Purged'))
BEGIN SELECT RAISE(ABORT, 'tenant_plans is append-only'); END;

INSERT INTO tenant_plans (tenant_id, effective_from, ordinal, plan_id, source, recorded_at)
SELECT tenant_id, created_at, 0, plan_id, 'backfill', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
FROM tenants_master WHERE status NOT IN ('Purging', 'Purged');

-- A primary key cannot be altered, so both tables are made anew with `part`. The outbox also gets when its sums are compared with
-- Stripe's and what differed; rows of today are not compared.
CREATE TABLE usage_cycle_totals_by_part (
  tenant_id TEXT NOT NULL,
  meter_key TEXT NOT NULL,
  cycle TEXT NOT NULL,
  corrected_cycle TEXT NOT NULL,
  part TEXT NOT NULL DEFAULT '',
  qty INTEGER NOT NULL,
  included INTEGER NOT NULL,
  overage INTEGER NOT NULL,
  amount_minor INTEGER NOT NULL,
  currency TEXT NOT NULL,
  plan_snapshot_json TEXT NOT NULL,
  rollup_digest TEXT NOT NULL,
  closed_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, meter_key, cycle, corrected_cycle, part)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_cycle_totals_by_part (tenant_id, meter_key, cycle, corrected_cycle, qty, included, overage, amount_minor,
  currency, plan_snapshot_json, rollup_digest, closed_at)
SELECT tenant_id, meter_key, cycle, corrected_cycle, qty, included, overage, amount_minor,
  currency, plan_snapshot_json, rollup_digest, closed_at FROM usage_cycle_totals;
DROP TABLE usage_cycle_totals;
ALTER TABLE usage_cycle_totals_by_part RENAME TO usage_cycle_totals;
CREATE INDEX usage_cycle_totals_cycle ON usage_cycle_totals (cycle, tenant_id);
CREATE TRIGGER usage_cycle_totals_frozen BEFORE UPDATE OF meter_key, cycle, corrected_cycle, part, qty, included, overage, amount_minor, currency, plan_snapshot_json, rollup_digest, closed_at ON usage_cycle_totals
BEGIN SELECT RAISE(ABORT, 'usage_cycle_totals is written once'); END;
CREATE TRIGGER usage_cycle_totals_kept BEFORE DELETE ON usage_cycle_totals
BEGIN SELECT RAISE(ABORT, 'usage_cycle_totals is written once'); END;

CREATE TABLE stripe_usage_outbox_by_part (
  tenant_id TEXT NOT NULL,
  meter_key TEXT NOT NULL,
  cycle TEXT NOT NULL,
  corrected_cycle TEXT NOT NULL,
  part TEXT NOT NULL DEFAULT '',
  mode TEXT NOT NULL CHECK (mode IN ('meter_event', 'invoice_item')),
  identifier TEXT NOT NULL UNIQUE,
  payload_json TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'rejected', 'failed')),
  intent_at TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT NOT NULL,
  stripe_id TEXT,
  error TEXT,
  compare_after TEXT,
  sum_difference TEXT,
  trace_id TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, meter_key, cycle, corrected_cycle, part)
) STRICT, WITHOUT ROWID;
INSERT INTO stripe_usage_outbox_by_part (tenant_id, meter_key, cycle, corrected_cycle, mode, identifier, payload_json, status,
  intent_at, attempts, next_attempt_at, stripe_id, error, trace_id, created_at, updated_at)
SELECT tenant_id, meter_key, cycle, corrected_cycle, mode, identifier, payload_json, status,
  intent_at, attempts, next_attempt_at, stripe_id, error, trace_id, created_at, updated_at FROM stripe_usage_outbox;
DROP TABLE stripe_usage_outbox;
ALTER TABLE stripe_usage_outbox_by_part RENAME TO stripe_usage_outbox;
CREATE INDEX stripe_usage_outbox_due ON stripe_usage_outbox (next_attempt_at) WHERE status = 'pending';
CREATE INDEX stripe_usage_outbox_compared ON stripe_usage_outbox (compare_after) WHERE compare_after IS NOT NULL;
CREATE INDEX stripe_usage_outbox_differing ON stripe_usage_outbox (cycle) WHERE sum_difference IS NOT NULL;
CREATE INDEX stripe_usage_outbox_rejected ON stripe_usage_outbox (identifier) WHERE status = 'rejected';
CREATE INDEX stripe_usage_outbox_cycle ON stripe_usage_outbox (cycle, status);
