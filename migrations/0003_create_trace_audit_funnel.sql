-- What happened (trace), who changed what (audit, hash-chained) and the funnel.
-- The audit log is append-only by trigger: only the two chain columns may be filled in, once.
CREATE TABLE trace_events (
  id TEXT PRIMARY KEY,
  ts TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  source TEXT NOT NULL,
  event_type TEXT NOT NULL,
  tenant_id TEXT,
  job_id TEXT,
  level TEXT NOT NULL CHECK (level IN ('info', 'warn', 'error')),
  message TEXT,
  payload_json TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_events_trace ON trace_events (trace_id, ts, id);
CREATE INDEX trace_events_tenant ON trace_events (tenant_id) WHERE tenant_id IS NOT NULL;

CREATE TABLE audit_logs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  ts TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  tenant_id TEXT,
  target TEXT NOT NULL,
  trace_id TEXT,
  detail_commitment TEXT NOT NULL,
  prev_hash TEXT,
  hash TEXT
) STRICT;
CREATE INDEX audit_logs_tenant ON audit_logs (tenant_id, seq) WHERE tenant_id IS NOT NULL;
CREATE INDEX audit_logs_unsealed ON audit_logs (seq) WHERE hash IS NULL;
CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;
CREATE TRIGGER audit_logs_seal_once BEFORE UPDATE ON audit_logs
WHEN OLD.hash IS NOT NULL OR NEW.hash IS NULL OR NEW.prev_hash IS NULL
  OR NEW.seq IS NOT OLD.seq OR NEW.ts IS NOT OLD.ts OR NEW.actor IS NOT OLD.actor OR NEW.action IS NOT OLD.action
  OR NEW.tenant_id IS NOT OLD.tenant_id OR NEW.target IS NOT OLD.target OR NEW.trace_id IS NOT OLD.trace_id
  OR NEW.detail_commitment IS NOT OLD.detail_commitment
BEGIN SELECT RAISE(ABORT, 'audit_logs is append-only'); END;

CREATE TABLE audit_details (
  commitment TEXT PRIMARY KEY,
  tenant_id TEXT,
  salt TEXT NOT NULL,
  detail_json TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_details_tenant ON audit_details (tenant_id) WHERE tenant_id IS NOT NULL;

CREATE TABLE funnel_events (
  id INTEGER PRIMARY KEY,
  client_event_id TEXT UNIQUE,
  ts TEXT NOT NULL,
  event_type TEXT NOT NULL,
  trace_id TEXT,
  tenant_id TEXT,
  job_id TEXT,
  email_fingerprint TEXT,
  email_domain TEXT,
  success INTEGER CHECK (success IN (0, 1)),
  error_code TEXT,
  error_message TEXT CHECK (length(error_message) <= 500),
  source TEXT NOT NULL CHECK (source IN ('admin-web', 'zuplo', 'cp', 'stripe_webhook')),
  payload_json TEXT CHECK (length(payload_json) <= 2048)
) STRICT;
CREATE INDEX funnel_events_ts ON funnel_events (ts);
CREATE INDEX funnel_events_type ON funnel_events (event_type, ts);
CREATE INDEX funnel_events_trace ON funnel_events (trace_id);
CREATE INDEX funnel_events_email ON funnel_events (email_fingerprint, ts);
CREATE INDEX funnel_events_tenant ON funnel_events (tenant_id) WHERE tenant_id IS NOT NULL;

-- A conditional UPDATE that matches nothing does not fail a batch. Inserting into this view right after it does:
-- INSERT INTO batch_guard (actual, expected) VALUES (changes(), 1). Nothing is stored.
CREATE VIEW batch_guard AS SELECT 0 AS actual, 0 AS expected;
CREATE TRIGGER batch_guard_check INSTEAD OF INSERT ON batch_guard
WHEN NEW.actual IS NOT NEW.expected
BEGIN SELECT RAISE(ABORT, 'batch_guard: precondition no longer holds'); END;
