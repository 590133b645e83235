-- Provisioning jobs and the outbox of workflow dispatches.
-- Effect on live rows: none, new tables. A job is claimed once: the claim is a conditional update of status.
CREATE TABLE provision_jobs (
  job_id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('provision', 'deprovision')),
  status TEXT NOT NULL CHECK (status IN ('queued', 'queued_capacity', 'dispatched', 'claimed', 'running', 'succeeded', 'failed', 'cancelled')),
  node_id TEXT,
  region TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  run_id TEXT,
  run_url TEXT,
  stage TEXT,
  failure_stage TEXT,
  error TEXT,
  readiness_json TEXT,
  trace_id TEXT,
  claimed_at TEXT,
  finished_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX provision_jobs_tenant ON provision_jobs (tenant_id, created_at);
CREATE INDEX provision_jobs_status ON provision_jobs (status, region);
-- One unfinished job of a kind per tenant: two webhooks for one change queue one job.
CREATE UNIQUE INDEX provision_jobs_open ON provision_jobs (tenant_id, kind)
  WHERE status NOT IN ('succeeded', 'failed', 'cancelled');

CREATE TABLE dispatches (
  dispatch_id TEXT PRIMARY KEY,
  purpose TEXT NOT NULL CHECK (purpose IN ('provision', 'deprovision', 'scale_out')),
  subject_id TEXT NOT NULL,
  inputs_json TEXT NOT NULL CHECK (json_valid(inputs_json)),
  status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'cancelled')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT NOT NULL,
  run_id TEXT,
  run_url TEXT,
  error TEXT,
  tenant_id TEXT,
  trace_id TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  UNIQUE (purpose, subject_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX dispatches_due ON dispatches (next_attempt_at) WHERE status = 'pending';
CREATE INDEX dispatches_tenant ON dispatches (tenant_id) WHERE tenant_id IS NOT NULL;
