-- Hard purges with a cursor per step, and the leases and reports of every scheduled job.
-- purge_runs keeps no tenant id after the last step, only the keyed hash (tombstone).
CREATE TABLE purge_runs (
  purge_id TEXT PRIMARY KEY,
  tenant_id TEXT,
  tombstone TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL CHECK (status IN ('running', 'completed')),
  plan_json TEXT NOT NULL,
  certificate_key TEXT,
  certificate_sha256 TEXT,
  trace_id TEXT,
  started_at TEXT NOT NULL,
  completed_at TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE purge_steps (
  purge_id TEXT NOT NULL REFERENCES purge_runs (purge_id),
  position INTEGER NOT NULL,
  step TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'done')),
  cursor TEXT,
  planned INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0,
  relisted INTEGER,
  detail_json TEXT,
  finished_at TEXT,
  PRIMARY KEY (purge_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_leases (
  job TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  fencing_token INTEGER NOT NULL,
  expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE job_runs (
  run_id TEXT PRIMARY KEY,
  job TEXT NOT NULL,
  trigger TEXT NOT NULL CHECK (trigger IN ('cron', 'operator')),
  due_at TEXT NOT NULL,
  fencing_token INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'abandoned')),
  started_at TEXT NOT NULL,
  finished_at TEXT,
  report_json TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX job_runs_job ON job_runs (job, started_at);
