-- Invoices for overage that no invoice of a subscription collects any more, because the subscription has ended.
-- A key holds its newest invoice: charges sent after created_at need another one, under an identifier of its own.
-- Effect on live rows: none changes. It worked when `EXPLAIN QUERY PLAN` of a count by node names tenants_master_node.
CREATE TABLE stripe_invoice_outbox (
  tenant_id TEXT NOT NULL,
  cycle TEXT NOT NULL,
  currency TEXT NOT NULL,
  identifier TEXT NOT NULL UNIQUE,
  payload_json TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'nothing_pending', 'rejected', 'failed')),
  intent_at TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT NOT NULL,
  stripe_id TEXT,
  error TEXT,
  trace_id TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, cycle, currency)
) STRICT, WITHOUT ROWID;
CREATE INDEX stripe_invoice_outbox_due ON stripe_invoice_outbox (next_attempt_at) WHERE status = 'pending';
-- The room of nodes is counted for every event of a tenant.
CREATE INDEX tenants_master_node ON tenants_master (node_id) WHERE node_id IS NOT NULL;
